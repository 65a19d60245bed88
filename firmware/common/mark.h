/* Progress marks: two instructions that no compiler emits and a real CPU takes as no-ops. */
#ifndef MARK_H
#define MARK_H

#if defined(__powerpc64__)
#define MARK_BEGIN() __asm__ volatile("xori 27,27,0" ::: "memory")
#define MARK_END() __asm__ volatile("xori 28,28,0" ::: "memory")
#else /* the build host, for the self-tests */
#define MARK_BEGIN() __asm__ volatile("" ::: "memory")
#define MARK_END() __asm__ volatile("" ::: "memory")
#endif

#endif
