/* Tests of what is pure: words, escapes, split lines, numbers, CPU sets, the configuration. A case is a line of data. */
#include <stdio.h>
#include <string.h>

#include "init.h"
#include "pattern.h"

static int failures;

static void result(const char *what, const char *input, bool good)
{
    printf("%s %s: %s\n", good ? "ok" : "FAIL", what, input);
    failures += !good;
}

/* "SEQ|word|word" of a parsed line, or "!reason". */
static void check_message(const char *input, bool numbered, const char *want)
{
    static char line[INPUT_LINE], got[INPUT_LINE];
    struct message m;
    strcpy(line, input);
    const char *reason = message_parse(line, numbered, &m);
    int used = snprintf(got, sizeof got, "%llu", (unsigned long long)m.seq);
    if (reason)
        snprintf(got + used, sizeof got - (size_t)used, "!%s", reason);
    for (int i = 0; !reason && i < m.count; i++)
        used += snprintf(got + used, sizeof got - (size_t)used, "|%s", m.word[i]);
    result("message", input, strcmp(got, want) == 0);
}

static void test_messages(void)
{
    static const char *const cases[][2] = {
        {"1 ping", "1|ping"},
        {"18446744073709551615 ping", "18446744073709551615|ping"},
        {"  7   spawn p1\t- /bin/actor ", "7|spawn|p1|-|/bin/actor"},
        {"2 step p1 user-virtual%20100 a%25b", "2|step|p1|user-virtual 100|a%b"},
        {"", "0!syntax"},
        {"   ", "0!syntax"},
        {"ping", "0!syntax"},
        {"-1 ping", "0!syntax"},
        {"0 ping", "0!syntax"},
        {"1x ping", "0!syntax"},
        {"5", "5!syntax"},
        {"5 a%", "5!syntax"},
        {"5 a%4", "5!syntax"},
        {"5 a%zz", "5!syntax"},
        {"5 a%00b", "5!syntax"},
    };
    char many[INPUT_LINE] = "9";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_message(cases[i][0], true, cases[i][1]);
    check_message("ping", false, "0|ping");
    check_message("", false, "0!syntax");
    for (int i = 0; i < MAX_WORDS + 1; i++)
        strcat(many, " x");
    check_message(many, true, "9!syntax");
}

struct record {
    char text[256];
};

static void append(void *context, char *line, bool cut)
{
    struct record *record = context;
    snprintf(record->text + strlen(record->text), sizeof record->text - strlen(record->text), "[%s%s]", line, cut ? "~" : "");
}

/* The same bytes in pieces of every size have to give the same lines. */
static void check_lines(const char *input, const char *want)
{
    bool good = true;
    size_t length = strlen(input);
    for (size_t piece = 1; piece <= length; piece++) {
        char buffer[8];
        struct record record = {""};
        struct lines lines = {.buffer = buffer, .room = sizeof buffer};
        for (size_t at = 0; at < length; at += piece)
            lines_feed(&lines, input + at, piece < length - at ? piece : length - at, append, &record);
        good = good && strcmp(record.text, want) == 0;
    }
    result("lines", want, good);
}

static void check_escape(const char *input, size_t room, enum escape_what what, const char *want)
{
    char out[64];
    escape(out, room, input, strlen(input), what);
    result("escape", want, strcmp(out, want) == 0);
}

static void check_cpus(const char *input, const char *want)
{
    unsigned char set[MAX_CPUS / 8];
    char got[8] = "bad";
    if (cpus_parse(input, set))
        snprintf(got, sizeof got, "%02x%02x", set[0], set[1]);
    result("cpus", input, strcmp(got, want) == 0);
}

static void test_text(void)
{
    static const char *const cpus[][2] = {
        {"0", "0100"}, {"0,2-3", "0d00"}, {"8-9", "0003"}, {"3-2", "bad"}, {"1,", "bad"}, {"x", "bad"}, {"1-", "bad"}, {"1024", "bad"}, {"-1", "bad"}};
    check_lines("a\nbc\r\n\nd", "[a][bc][]");
    check_lines("1234567\n12345678\nx\n", "[1234567][1234567~][x]");
    check_escape("a b%\n\xff", 64, ESCAPE_WORD, "a%20b%25%0A%FF");
    check_escape("a b%20\x01", 64, ESCAPE_LINE, "a b%20%01");
    check_escape("ab\n", 5, ESCAPE_WORD, "ab");
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        check_cpus(cpus[i][0], cpus[i][1]);
    result("name", "p1.a_b-c", name_valid("p1.a_b-c"));
    result("name", "refused", !name_valid("") && !name_valid("-") && !name_valid("a b") && !name_valid("a/b") &&
                                  !name_valid("12345678901234567890123456789012"));
}

static void test_config(void)
{
    static struct config c;
    c.helper = "/dev/hvc1";
    strcpy(c.text, "# comment\nmode shell # why\r\nmodules a.ko  b.ko\nmodule c.ko x=1 y=2\n\ndisks 2 30\nhelper -\n"
                   "command ping\ncommand spawn a - /bin/actor\n");
    config_parse(&c);
    result("config", "mode, helper, disks", c.mode == MODE_SHELL && !c.helper && c.disks == 2 && c.disks_seconds == 30);
    result("config", "modules", c.modules == 3 && !strcmp(c.module[1][0], "b.ko") && !strcmp(c.module[2][1], "x=1 y=2"));
    result("config", "commands", c.commands == 2 && !strcmp(c.command[1], "spawn a - /bin/actor"));
}

static void test_pattern(void)
{
    uint64_t words[64];
    pattern_fill(words, sizeof words, 4096, 1);
    result("pattern", "own place", pattern_check(words, sizeof words, 4096, 1) == -1);
    result("pattern", "other place", pattern_check(words, sizeof words, 8192, 1) == 0);
    result("pattern", "other seed", pattern_check(words, sizeof words, 4096, 2) == 0);
    words[9] ^= 1u << 7;
    result("pattern", "one bit", pattern_check(words, sizeof words, 4096, 1) == 9);
}

int selftest(void)
{
    test_messages();
    test_text();
    test_config();
    test_pattern();
    printf("%d failures\n", failures);
    return failures != 0;
}
