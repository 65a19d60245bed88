/* The system calls of JOB_CALL children. Each may block for ever; the helper does not. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

int call_write(const char *path, const char *text)
{
    size_t length = strlen(text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    /* One write: sysfs and debugfs take a value only as a whole. */
    ssize_t written = write(fd, text, length);
    if (written < 0)
        return errno;
    return written == (ssize_t)length ? 0 : EIO;
}

/* The bytes go to the helper through stdout. */
int call_read(const char *path)
{
    char text[JOB_LINE];
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    while (used < sizeof text) {
        ssize_t got = read(fd, text + used, sizeof text - used);
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return write(STDOUT_FILENO, text, used) == (ssize_t)used ? 0 : errno;
}

int call_insmod(const char *path, const char *parameters)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = syscall(SYS_finit_module, fd, parameters, 0) < 0 ? errno : 0;
    close(fd);
    return error;
}

int call_rmmod(const char *name, bool force)
{
    return syscall(SYS_delete_module, name, O_NONBLOCK | (force ? O_TRUNC : 0)) < 0 ? errno : 0;
}

static void woken(int signal)
{
    (void)signal;
}

static void sleep_10ms(void)
{
    const struct timespec time = {.tv_nsec = 10000000};
    nanosleep(&time, NULL);
}

/* sync(2) never returns if a disk has stopped answering, and the power has to go off all the same. */
static void sync_at_most(unsigned seconds)
{
    pid_t pid = fork();
    if (pid == 0) {
        sync();
        _exit(0);
    }
    for (unsigned turn = 0; pid > 0 && turn < seconds * 100; turn++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return;
        sleep_10ms();
    }
}

void call_reboot(int how)
{
    const struct sigaction action = {.sa_handler = woken};
    sigaction(SIGALRM, &action, NULL);
    /* Lets the parent queue `bye` and the console take it; a host that does not read must not stop us. */
    sleep_10ms();
    alarm(2);
    if (channel_fd() >= 0)
        tcdrain(channel_fd());
    alarm(0);
    sync_at_most(5);
    reboot(how);
    _exit(errno);
}
