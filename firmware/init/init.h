/* PID 1 of the guest: what its files share. The protocol is docs/guest-protocol.md. */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "text.h"

#define PROTOCOL 1
#define INPUT_LINE 2048
#define JOB_LINE 1024
#define MAX_WORDS 64
#define MAX_JOBS 640 /* 508 contexts can be open at once, each by its own process */
#define MAX_MODULES 32
#define MAX_COMMANDS 64
#define CONFIG_SIZE 8192

enum mode { MODE_RUN, MODE_SHELL, MODE_PROBE };

struct config {
    enum mode mode;
    const char *helper; /* NULL: none */
    int modules;
    char *module[MAX_MODULES][2]; /* path, parameters */
    int disks;
    unsigned disks_seconds;
    int commands;
    char *command[MAX_COMMANDS];
    char text[CONFIG_SIZE]; /* what the pointers point into */
};

/* config.c */
void config_read(struct config *config, const char *path);
void config_parse(struct config *config);
const char *mode_name(enum mode mode);

/* message.c: pure */
struct message {
    uint64_t seq;
    int count;
    char *word[MAX_WORDS];
};
const char *message_parse(char *line, bool numbered, struct message *message);
bool name_valid(const char *name);
#define MAX_CPUS 1024
bool cpus_parse(const char *text, unsigned char *set);
int selftest(void);

/* channel.c */
bool channel_open(const char *path);
int channel_fd(void);
void channel_close(void);
bool channel_pending(void);
bool channel_has_room(void);
void channel_flush(void);
void emit(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* job.c */
enum job_kind {
    JOB_FREE,
    JOB_PROGRAM, /* lines of stdout become actor messages, the end becomes `exited` */
    JOB_CALL,    /* one system call in a child; the end becomes `done` */
    JOB_LOADER,  /* the modules of the configuration; the end becomes `ready` */
    JOB_SHELL,
    JOB_SILENT,
};
struct job {
    enum job_kind kind;
    char name[32];
    pid_t pid;
    int in;  /* write end of its stdin, or -1 */
    int out; /* read end of its stdout, or -1 */
    uint64_t re;
    bool reaped;
    int status;
    struct lines lines;
    char text[JOB_LINE];
};
struct job *job_find(const char *name);
struct job *job_at(int index);
/* Forks. In the child (pid 0) stdin and stdout are the pipes and nothing else is inherited but the console. */
struct job *job_start(enum job_kind kind, const char *name, const unsigned char *cpus, uint64_t re);
void job_pump(struct job *job);
void job_end_of_input(struct job *job);
void jobs_reap(void);

/* calls.c: run in a child, return 0 or an errno for its exit status */
int call_write(const char *path, const char *text);
int call_read(const char *path);
int call_insmod(const char *path, const char *parameters);
int call_rmmod(const char *name, bool force);
void call_reboot(int how) __attribute__((noreturn));

/* command.c */
void command_line(void *context, char *line, bool cut);
void command_unnumbered(char *line);

/* main.c */
extern struct config config;
void power(int how, uint64_t re);
void loader_ended(int failed);
void shell_start(void);
void shell_ended(void);

#endif
