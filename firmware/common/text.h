/*
 * Words, escapes and lines of the guest protocol (docs/guest-protocol.md, section 2).
 * Pure: no system call, so that the self-test runs on the build host as well.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Undoes %XX in place. False: a bad escape, or %00, which a C string cannot hold. */
static inline bool unescape(char *word)
{
    char *to = word;
    for (const char *from = word; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = 0;
    return true;
}

enum escape_what {
    ESCAPE_WORD, /* one word comes out: blanks and percent signs are escaped too */
    ESCAPE_LINE, /* a line that is already written in words: only what is not printable ASCII */
};

/* Writes a terminated string of less than `room` bytes; what does not fit is left out as whole bytes. */
static inline size_t escape(char *out, size_t room, const char *in, size_t length, enum escape_what what)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)in[i];
        bool plain = c > 0x20 && c < 0x7f && c != '%';
        if (what == ESCAPE_LINE && (c == ' ' || c == '%'))
            plain = true;
        if (used + (plain ? 1 : 3) >= room)
            break;
        if (plain) {
            out[used++] = (char)c;
        } else {
            out[used++] = '%';
            out[used++] = digits[c >> 4];
            out[used++] = digits[c & 15];
        }
    }
    out[used] = 0;
    return used;
}

/* Cuts a line at its blanks, in place. Returns the number of words, or -1 if there are more than `max`. */
static inline int split_words(char *line, char **words, int max)
{
    int count = 0;
    for (char *at = line; *at;) {
        while (*at == ' ' || *at == '\t')
            *at++ = 0;
        if (!*at)
            break;
        if (count == max)
            return -1;
        words[count++] = at;
        while (*at && *at != ' ' && *at != '\t')
            at++;
    }
    return count;
}

/* The whole word as a number, decimal or 0x; false for anything else. */
static inline bool parse_number(const char *word, uint64_t *value)
{
    char *end;
    if (!word || *word < '0' || *word > '9')
        return false;
    *value = strtoull(word, &end, 0);
    return *end == 0;
}

/* Joins words with single blanks; false if they do not fit. */
static inline bool join_words(char *out, size_t room, char *const *words, int count)
{
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(words[i]);
        if (used + length + 2 > room)
            return false;
        if (i)
            out[used++] = ' ';
        memcpy(out + used, words[i], length);
        used += length;
    }
    out[used] = 0;
    return true;
}

/* Bytes in, lines out, however the reads are split. A line longer than the buffer arrives once, cut. */
struct lines {
    char *buffer;
    size_t room;
    size_t used;
    bool cut;
};

typedef void line_fn(void *context, char *line, bool cut);

static inline void lines_feed(struct lines *lines, const char *data, size_t length, line_fn *line, void *context)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\r')
            continue;
        if (data[i] != '\n') {
            if (lines->used + 1 < lines->room)
                lines->buffer[lines->used++] = data[i];
            else
                lines->cut = true;
            continue;
        }
        bool cut = lines->cut;
        lines->buffer[lines->used] = 0;
        lines->used = 0;
        lines->cut = false;
        line(context, lines->buffer, cut);
    }
}

#endif
