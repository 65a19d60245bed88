/* Shared by the files of the payload. */
#ifndef PRIVTEST_H
#define PRIVTEST_H

#include "regs.h"

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

/* Machine state register (Power ISA 3.0B, Book III 4.2.1). */
#define MSR_SF 0x8000000000000000ul
#define MSR_HV 0x1000000000000000ul
#define MSR_VEC 0x2000000ul
#define MSR_VSX 0x800000ul
#define MSR_EE 0x8000ul
#define MSR_PR 0x4000ul
#define MSR_FP 0x2000ul
#define MSR_ME 0x1000ul
#define MSR_IR 0x20ul
#define MSR_DR 0x10ul
#define MSR_RI 0x2ul
#define MSR_LE 0x1ul
#define HOME ((u64)MSR_HOME)
#define VIRTUAL (HOME | MSR_IR | MSR_DR)
#define USER (VIRTUAL | MSR_PR | MSR_EE)

/* LPCR (Book III 2.2). */
#define LPCR_AIL3 0x1800000ul
#define LPCR_UPRT 0x400000ul
#define LPCR_HR 0x100000ul
#define LPCR_LD 0x20000ul
#define LPCR_PECEDH 0x8000ul
#define LPCR_PECE1 0x2000ul

/* What the handler keeps; offsets in regs.h. */
struct saved {
	u64 gpr[32];
	u64 id, cr, xer, lr, ctr, msr, srr0, srr1, hsrr0, hsrr1, dar, dsisr, heir;
};
extern struct saved saved;

/* What a line shows besides vector, place and MSR. */
enum { R3 = 1, DAR = 2, HEIR = 4, LINK = 8, R4 = 16, BRIEF = 32 };

#define mfspr(n) ({ u64 v_; asm volatile("mfspr %0,%1" : "=r"(v_) : "i"(n)); v_; })
#define mtspr(n, v) asm volatile("mtspr %0,%1" : : "i"(n), "r"((u64)(v)) : "memory")

void probe(u64 place, u64 msr, const u64 *gpr3_to_10);
void run(const char *name, u64 place, u64 msr, u64 r3, u64 r4, int show);
void report(const char *name, u64 place, int show);
/* Address of a snippet for problem state. */
u64 user(const char *snippet);
/* Address of freshly written code: n words, then sc. */
u64 code(const u32 *words, int n);
u64 user_code(const u32 *words, int n);

void open_console(u64 fdt);
void put(const char *text);
void put_hex(u64 value);
void put_decimal(u64 value);
void start(const char *name);
void field(const char *name, u64 value);
void end(void);
u64 lines(void);
void power_off(void);
void reinit_cpus(u64 flags);

/* Radix trees, see mmu.c. */
#define USER_CODE 0x10000000ul
#define USER_DATA 0x20000000ul
#define KERNEL_DATA 0xc000000080000000ul
#define DATA_RA 0x2000000ul
#define PTE_R 0x100ul
#define PTE_C 0x80ul
#define PTE_NI 0x20ul
#define PTE_PRIV 8ul
#define PTE_READ 4ul
#define PTE_WRITE 2ul
#define PTE_EXEC 1ul
void make_trees(void);
u64 *map(int tree, u64 ea, u64 ra, int shift, u64 bits);
void set_pte(u64 *pte, u64 value);
u64 get_pte(u64 *pte);
void tlb_flush(void);

void check_msr(void);
void check_calls(void);
void check_privilege(void);
void check_sprs(void);
void check_events(void);
void check_storage(void);
void check_trees(void);
void check_invalidation(void);
void check_modes(void);

#define SNIPPET(name) extern const char name[];
#include "snippets.h"
#undef SNIPPET

#endif
