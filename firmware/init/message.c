/* The parser of host lines. Pure, so that the self-test can run it anywhere. */
#include <ctype.h>
#include <string.h>

#include "init.h"

/* Cuts and unescapes a line in place. Returns NULL or the reason of an `error` answer; `seq` is 0 if there is none. */
const char *message_parse(char *line, bool numbered, struct message *message)
{
    char *words[MAX_WORDS + 1];
    message->seq = 0;
    message->count = 0;
    int count = split_words(line, words, MAX_WORDS + 1);
    int first = numbered ? 1 : 0;
    /* The number is read even from a line with too many words: the answer has to name it. */
    if (numbered && (count == 0 || !parse_number(words[0], &message->seq) || message->seq == 0)) {
        message->seq = 0;
        return "syntax";
    }
    if (count < first + 1)
        return "syntax";
    for (int i = first; i < count; i++) {
        if (message->count == MAX_WORDS || !unescape(words[i]))
            return "syntax";
        message->word[message->count++] = words[i];
    }
    return NULL;
}

bool name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > 31)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
            return false;
    return strcmp(name, "-") != 0;
}

/* "0,2-3" to a bitmap of MAX_CPUS bits. */
bool cpus_parse(const char *text, unsigned char *set)
{
    memset(set, 0, MAX_CPUS / 8);
    while (*text) {
        char *end;
        if (!isdigit((unsigned char)*text))
            return false;
        unsigned long from = strtoul(text, &end, 10), to = from;
        if (*end == '-') {
            if (!isdigit((unsigned char)end[1]))
                return false;
            to = strtoul(end + 1, &end, 10);
        }
        if (from > to || to >= MAX_CPUS)
            return false;
        for (unsigned long cpu = from; cpu <= to; cpu++)
            set[cpu / 8] |= (unsigned char)(1u << cpu % 8);
        if (*end == ',' && end[1])
            end++;
        else if (*end)
            return false;
        text = end;
    }
    return true;
}
