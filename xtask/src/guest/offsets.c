/*
 * Compiled as a kernel object against the headers of one kernel; xtask reads the table back from its section.
 * An entry that a kernel lacks is left out by its version or its configuration.
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/stddef.h>
#include <linux/thread_info.h>
#include <linux/version.h>
#include <asm/page.h>
#include <asm/ptrace.h>
#ifdef CONFIG_PPC64
#include <asm/paca.h>
#endif

struct capisim_entry {
	char key[56];
	u64 value;
};

#define FIELD(type, field) { #type "." #field, offsetof(struct type, field) }
#define NAMED(key, type, field) { key, offsetof(struct type, field) }
#define SIZE(type) { "sizeof." #type, sizeof(struct type) }
#define CONSTANT(name) { #name, (u64)(name) }

static const struct capisim_entry table[] __attribute__((used, section(".capisim.offsets"))) = {
	FIELD(module, state),
	FIELD(module, list),
	FIELD(module, name),
	FIELD(module, init),
	SIZE(module),
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	NAMED("module.mem.text.base", module, mem[MOD_TEXT].base),
	NAMED("module.mem.text.size", module, mem[MOD_TEXT].size),
	NAMED("module.mem.data.base", module, mem[MOD_DATA].base),
	NAMED("module.mem.rodata.base", module, mem[MOD_RODATA].base),
	NAMED("module.mem.init_text.base", module, mem[MOD_INIT_TEXT].base),
	NAMED("module.mem.init_text.size", module, mem[MOD_INIT_TEXT].size),
#else
	FIELD(module, core_layout.base),
	FIELD(module, core_layout.size),
	FIELD(module, core_layout.text_size),
	FIELD(module, init_layout.base),
	FIELD(module, init_layout.size),
#endif
#ifdef CONFIG_KALLSYMS
	FIELD(module, kallsyms),
	FIELD(module, sect_attrs),
	FIELD(mod_kallsyms, symtab),
	FIELD(mod_kallsyms, num_symtab),
	FIELD(mod_kallsyms, strtab),
#endif
	CONSTANT(MODULE_STATE_LIVE),
	CONSTANT(MODULE_STATE_COMING),
	CONSTANT(MODULE_STATE_GOING),

	FIELD(task_struct, thread_info),
	NAMED("task_struct.thread_info.flags", task_struct, thread_info.flags),
#ifdef CONFIG_SMP
	NAMED("task_struct.thread_info.cpu", task_struct, thread_info.cpu),
#endif
	FIELD(task_struct, __state),
	FIELD(task_struct, stack),
	FIELD(task_struct, flags),
	FIELD(task_struct, on_cpu),
	FIELD(task_struct, tasks),
	FIELD(task_struct, mm),
	FIELD(task_struct, active_mm),
	FIELD(task_struct, exit_state),
	FIELD(task_struct, exit_code),
	FIELD(task_struct, pid),
	FIELD(task_struct, tgid),
	FIELD(task_struct, real_parent),
	FIELD(task_struct, parent),
	FIELD(task_struct, group_leader),
	FIELD(task_struct, comm),
	FIELD(task_struct, files),
	FIELD(task_struct, signal),
	FIELD(task_struct, thread_node),
	FIELD(task_struct, pending),
	NAMED("task_struct.pending.signal", task_struct, pending.signal),
	FIELD(task_struct, thread),
	NAMED("task_struct.thread.ksp", task_struct, thread.ksp),
	NAMED("task_struct.thread.regs", task_struct, thread.regs),
	SIZE(task_struct),
	FIELD(signal_struct, thread_head),
	FIELD(signal_struct, shared_pending),
	NAMED("signal_struct.shared_pending.signal", signal_struct, shared_pending.signal),
	FIELD(signal_struct, flags),
	CONSTANT(TASK_INTERRUPTIBLE),
	CONSTANT(TASK_UNINTERRUPTIBLE),
	CONSTANT(TASK_WAKEKILL),
	CONSTANT(TASK_NOLOAD),
	CONSTANT(TASK_COMM_LEN),
	CONSTANT(TIF_SIGPENDING),
	CONSTANT(TIF_NOTIFY_SIGNAL),
	CONSTANT(TIF_NEED_RESCHED),
	CONSTANT(PF_EXITING),
	CONSTANT(PF_KTHREAD),

	FIELD(mutex, owner),
	FIELD(mutex, wait_list),
	SIZE(mutex),
	FIELD(list_head, next),
	FIELD(list_head, prev),
	FIELD(file, f_op),
	FIELD(file, private_data),

	FIELD(pt_regs, gpr),
	FIELD(pt_regs, nip),
	FIELD(pt_regs, msr),
	FIELD(pt_regs, link),
	FIELD(pt_regs, result),
	SIZE(pt_regs),
	CONSTANT(THREAD_SIZE),
	CONSTANT(PAGE_SHIFT),
	CONSTANT(HZ),
#ifdef CONFIG_PPC64
	NAMED("paca_struct.current", paca_struct, __current),
	FIELD(paca_struct, paca_index),
	FIELD(paca_struct, hw_cpu_id),
	FIELD(paca_struct, kstack),
	SIZE(paca_struct),
#endif
	CONSTANT(LINUX_VERSION_CODE),
};
