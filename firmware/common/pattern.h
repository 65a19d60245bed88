/* Seeded noise and self-describing block contents. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* SplitMix64, public domain algorithm by Sebastiano Vigna: any seed is good, every state is reached. */
static inline uint64_t mix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static inline uint64_t noise_next(uint64_t *state)
{
    uint64_t value = mix64(*state);
    *state += 0x9E3779B97F4A7C15u;
    return value;
}

/* A word depends on the seed and on its place on the device, so a block at the wrong place is seen. */
static inline void pattern_fill(uint64_t *words, size_t bytes, uint64_t offset, uint64_t seed)
{
    uint64_t base = mix64(seed);
    for (size_t i = 0; i < bytes / 8; i++)
        words[i] = base ^ (offset + i * 8) * 0x9E3779B97F4A7C15u;
}

/* Index of the first wrong word, or -1. */
static inline ptrdiff_t pattern_check(const uint64_t *words, size_t bytes, uint64_t offset, uint64_t seed)
{
    uint64_t base = mix64(seed);
    for (size_t i = 0; i < bytes / 8; i++)
        if (words[i] != (base ^ (offset + i * 8) * 0x9E3779B97F4A7C15u))
            return (ptrdiff_t)i;
    return -1;
}

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
