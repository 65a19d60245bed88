/* Direct access to the page, repetition, ways to be idle, to be busy and to end. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"
#include "disk.h"
#include "mark.h"
#include "pattern.h"

#define MAX_THREADS 64
#define MAX_WORDS 32

int do_mmio_read(struct run *run)
{
    uint64_t offset, times = 1, raw = 0;
    if (!number_at(run, 0, &offset) || offset > PAGE_BYTES - 8 || (run->count > 1 && !number_at(run, 1, &times)))
        return fail(run, "usage");
    int error = need_page(run);
    if (error)
        return error;
    for (uint64_t i = 0; i < times; i++)
        raw = *(volatile uint64_t *)(actor.page + offset);
    value(run, "value=0x%llx", (unsigned long long)__builtin_bswap64(raw));
    return 0;
}

int do_mmio_write(struct run *run)
{
    uint64_t offset, number;
    if (!number_at(run, 0, &offset) || offset > PAGE_BYTES - 8 || !number_at(run, 1, &number))
        return fail(run, "usage");
    int error = need_page(run);
    if (!error)
        *(volatile uint64_t *)(actor.page + offset) = __builtin_bswap64(number);
    return error;
}

typedef uint64_t two_words __attribute__((vector_size(16)));

/* A process that goes mad on its page: the card must survive, and so must the others. */
int do_mmio_garbage(struct run *run)
{
    uint64_t state;
    bool wide = has_word(run, 1, "16");
    if (!number_at(run, 0, &state))
        return fail(run, "usage");
    int error = need_page(run);
    if (error)
        return error;
    actor.armed = false;
    for (unsigned offset = 0; offset < PAGE_BYTES; offset += wide ? 16 : 8) {
        uint64_t first = noise_next(&state), second = noise_next(&state);
        if (wide)
            *(volatile two_words *)(actor.page + offset) = (two_words){first, second};
        else
            *(volatile uint64_t *)(actor.page + offset) = first;
    }
    return 0;
}

int do_mmio_scan(struct run *run)
{
    uint64_t sum = 0;
    int error = need_page(run);
    if (error)
        return error;
    for (unsigned offset = 0; offset < PAGE_BYTES; offset += 8)
        sum = mix64(sum ^ __builtin_bswap64(*(volatile uint64_t *)(actor.page + offset)));
    value(run, "value=0x%llx", (unsigned long long)sum);
    return 0;
}

/* Runs run->word[from…] once more; the words are not changed by a command. */
static int repeat(struct run *inner, const struct run *run, int from)
{
    char *words[MAX_WORDS];
    int count = run->count - from;
    memcpy(words, run->word + from, (size_t)count * sizeof *words);
    return run_command(inner, words, count);
}

int do_loop(struct run *run)
{
    struct run inner = {.op = run->op};
    uint64_t times, count = 0;
    int error = 0;
    if (!number_at(run, 0, &times))
        return fail(run, "usage");
    uint64_t start = now_ns();
    MARK_BEGIN();
    for (; !error && (times == 0 || count < times); count++)
        error = repeat(&inner, run, 1);
    MARK_END();
    value(run, "count=%llu ns=%llu", (unsigned long long)count, (unsigned long long)(now_ns() - start));
    if (error)
        value(run, "failed=%s%s", run->word[1], inner.text);
    return error;
}

/* Several threads of one process in the same call: what makes the driver's context lookup retry. */
struct storm {
    const struct run *run;
    uint64_t times;
    uint64_t count, errors; /* atomic */
};

static void *storm_thread(void *argument)
{
    struct storm *storm = argument;
    struct run inner = {.op = "storm"};
    for (uint64_t i = 0; storm->times == 0 || i < storm->times; i++) {
        if (repeat(&inner, storm->run, 2))
            __atomic_fetch_add(&storm->errors, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&storm->count, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

int do_storm(struct run *run)
{
    struct storm storm = {.run = run};
    pthread_t threads[MAX_THREADS];
    uint64_t wanted, started = 0;
    int error = 0;
    if (!number_at(run, 0, &wanted) || !number_at(run, 1, &storm.times) || wanted == 0 || wanted > MAX_THREADS)
        return fail(run, "usage");
    /* Mapped once and before the threads: they share it. */
    if (strncmp(run->word[2], "mmio-", 5) == 0)
        error = need_page(run);
    while (!error && started < wanted) {
        error = pthread_create(&threads[started], NULL, storm_thread, &storm);
        started += error == 0;
    }
    for (uint64_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    value(run, "count=%llu errors=%llu", (unsigned long long)storm.count, (unsigned long long)storm.errors);
    return error;
}

int do_spin(struct run *run)
{
    uint64_t ms = 0;
    if (run->count && !number_at(run, 0, &ms))
        return fail(run, "usage");
    if (run->count == 0)
        for (;;)
            __asm__ volatile("" ::: "memory");
    for (uint64_t end = now_ns() + ms * 1000000; now_ns() < end;)
        ;
    return 0;
}

int do_sleep(struct run *run)
{
    uint64_t ms;
    if (!number_at(run, 0, &ms) || ms > UINT32_MAX)
        return fail(run, "usage");
    sleep_ms((unsigned)ms);
    return 0;
}

int do_pause(struct run *run)
{
    (void)run;
    pause();
    return errno;
}

/* The child holds the adapter's descriptor and nothing of the helper's pipes. */
int do_fork_idle(struct run *run)
{
    uint64_t ms = 0;
    if (run->count && (!number_at(run, 0, &ms) || ms == 0 || ms > UINT32_MAX))
        return fail(run, "usage");
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        if (ms) {
            sleep_ms((unsigned)ms);
            _exit(0);
        }
        for (;;)
            pause();
    }
    value(run, "child=%d", pid);
    return 0;
}

int do_exit(struct run *run)
{
    uint64_t status = 0;
    if (run->count && !number_at(run, 0, &status))
        return fail(run, "usage");
    out("ok op=exit");
    _exit((int)status);
}
