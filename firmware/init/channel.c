/* The helper's tty and the queue of lines towards it, and the console. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

#define QUEUE 65536
#define OUTPUT_LINE 4096
/*
 * One read of 256 bytes can at worst become 256 empty lines of an actor, or as many refused lines of the host; with less room than that the
 * helper stops reading and lets the writers wait, so a message is never dropped.
 */
#define ENOUGH 32768

static int tty = -1;
static struct {
    uint64_t seq;
    size_t head, used;
    char queue[QUEUE];
} channel;

void console(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    dprintf(STDERR_FILENO, "init: ");
    vdprintf(STDERR_FILENO, format, arguments);
    dprintf(STDERR_FILENO, "\n");
    va_end(arguments);
}

bool channel_open(const char *path)
{
    struct termios raw;
    /* Never the controlling tty: a hang-up of the host's side must not signal PID 1. */
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (tcgetattr(fd, &raw) == 0) {
        raw.c_iflag = 0;
        raw.c_oflag = 0;
        raw.c_lflag = 0;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(fd, TCSANOW, &raw);
        tcflush(fd, TCIFLUSH);
    }
    tty = fd;
    return true;
}

int channel_fd(void)
{
    return tty;
}

void channel_close(void)
{
    close(tty);
    tty = -1;
    channel.used = 0;
}

bool channel_pending(void)
{
    return tty >= 0 && channel.used > 0;
}

bool channel_has_room(void)
{
    return QUEUE - channel.used >= ENOUGH;
}

void channel_flush(void)
{
    while (channel_pending()) {
        size_t run = QUEUE - channel.head < channel.used ? QUEUE - channel.head : channel.used;
        ssize_t written = write(tty, channel.queue + channel.head, run);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EAGAIN) {
            console("helper: write: errno %d, channel closed", errno);
            channel_close();
        }
        if (written <= 0)
            return;
        channel.head = (channel.head + (size_t)written) % QUEUE;
        channel.used -= (size_t)written;
    }
}

/* Queues one message under the next number. A number is used up even if the queue is full: the host then sees the gap. */
void emit(const char *format, ...)
{
    char line[OUTPUT_LINE];
    va_list arguments;
    int length = snprintf(line, sizeof line, "%llu ", (unsigned long long)++channel.seq);
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    if (length > OUTPUT_LINE - 1)
        length = OUTPUT_LINE - 1;
    line[length++] = '\n';
    if (tty < 0 || QUEUE - channel.used < (size_t)length)
        return;
    for (int i = 0; i < length; i++)
        channel.queue[(channel.head + channel.used + (size_t)i) % QUEUE] = line[i];
    channel.used += (size_t)length;
    channel_flush();
}
