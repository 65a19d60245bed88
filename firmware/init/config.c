/* /etc/capisim.conf, docs/guest-protocol.md section 1. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

static const char *const modes[] = {[MODE_RUN] = "run", [MODE_SHELL] = "shell", [MODE_PROBE] = "probe"};

const char *mode_name(enum mode mode)
{
    return modes[mode];
}

static bool set_mode(struct config *config, const char *name)
{
    for (int i = 0; name && i <= MODE_PROBE; i++) {
        if (strcmp(name, modes[i]) == 0) {
            config->mode = (enum mode)i;
            return true;
        }
    }
    return false;
}

static bool add_module(struct config *config, char *path, char *parameters)
{
    if (config->modules == MAX_MODULES)
        return false;
    config->module[config->modules][0] = path;
    config->module[config->modules][1] = parameters;
    config->modules++;
    return true;
}

/* Cuts off the first word; returns the rest of the line, maybe empty. */
static char *cut_word(char *line)
{
    char *end = line + strcspn(line, " \t");
    while (*end == ' ' || *end == '\t')
        *end++ = 0;
    return end;
}

static bool set_disks(struct config *config, char *value)
{
    uint64_t count, seconds;
    char *rest = cut_word(value);
    if (!parse_number(value, &count) || !parse_number(rest, &seconds) || count > 64 || seconds > 3600)
        return false;
    config->disks = (int)count;
    config->disks_seconds = (unsigned)seconds;
    return true;
}

static bool set(struct config *config, const char *key, char *value)
{
    if (strcmp(key, "mode") == 0)
        return set_mode(config, value);
    if (strcmp(key, "helper") == 0) {
        config->helper = strcmp(value, "-") ? value : NULL;
        return *value != 0;
    }
    if (strcmp(key, "module") == 0) {
        char *parameters = cut_word(value);
        return *value && add_module(config, value, parameters);
    }
    if (strcmp(key, "modules") == 0) {
        bool good = true;
        for (char *next; good && *value; value = next) {
            next = cut_word(value);
            good = add_module(config, value, "");
        }
        return good;
    }
    if (strcmp(key, "disks") == 0)
        return set_disks(config, value);
    if (strcmp(key, "command") == 0 && *value && config->commands < MAX_COMMANDS) {
        config->command[config->commands++] = value;
        return true;
    }
    return false;
}

/* Parses config->text in place. */
void config_parse(struct config *config)
{
    char *save, *line = strtok_r(config->text, "\r\n", &save);
    for (int number = 1; line; number++, line = strtok_r(NULL, "\r\n", &save)) {
        line[strcspn(line, "#")] = 0;
        line += strspn(line, " \t");
        for (size_t end = strlen(line); end && (line[end - 1] == ' ' || line[end - 1] == '\t');)
            line[--end] = 0;
        if (!*line)
            continue;
        char *value = cut_word(line);
        if (!set(config, line, value))
            console("config: setting %d (%s) is not understood", number, line);
    }
}

void config_read(struct config *config, const char *path)
{
    config->mode = MODE_RUN;
    config->helper = "/dev/hvc1";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        console("config: %s: errno %d", path, errno);
        return;
    }
    size_t used = 0;
    for (ssize_t got; used < CONFIG_SIZE - 1 && (got = read(fd, config->text + used, CONFIG_SIZE - 1 - used)) > 0;)
        used += (size_t)got;
    close(fd);
    config_parse(config);
}
