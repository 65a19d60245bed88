/* Storage accesses with relocation: faults, R and C, page sizes, tlbie. */
#include "privtest.h"

#define RWX (PTE_READ | PTE_WRITE | PTE_EXEC)
#define RC (PTE_R | PTE_C)
#define LINEAR 0xc000000000000000ul
#define VALID_LEAF 0xc000000000000000ul
#define CODE_RA ((u64)snippets & 0xffffffffful)

static u64 *data(u64 real)
{
	return (u64 *)(LINEAR | real);
}

static void fill(u64 real, u64 value)
{
	for (int i = 0; i < 32; i++)
		data(real)[i] = value + i * 0x0101010101010101ul;
}

/* An access to a page of tree 1 with these bits, and what became of R, C. */
static void access(const char *name, const char *snippet, u64 msr, u64 bits)
{
	/* Whether a stdcx. that fails counts as a store is for the implementation. */
	int open = snippet == s_stdcx;
	u64 *pte = map(1, USER_DATA, DATA_RA, 16, bits);

	fill(DATA_RA, 0x1122334455667788);
	tlb_flush();
	run(name, msr & MSR_PR ? user(snippet) : (u64)snippet, msr, 0xabcd, USER_DATA + 8, R3 | DAR);
	start(open ? "?  rc" : "  rc");
	field("pte", get_pte(pte) & 0xfff);
	end();
}

static void fetch(const char *name, u64 msr, u64 bits)
{
	u64 *pte = map(1, USER_DATA, CODE_RA, 16, bits);

	tlb_flush();
	run(name, msr & MSR_PR ? user(s_jump) : (u64)s_jump, msr, 0, USER_DATA + (s_nothing - snippets), 0);
	start(bits & PTE_NI ? "?  rc" : "  rc");
	field("pte", get_pte(pte) & 0xfff);
	end();
}

static void protection(void)
{
	access("load", s_ld, VIRTUAL, PTE_READ);
	access("load user", s_ld, USER, PTE_READ);
	access("load, R and C set", s_ld, VIRTUAL, PTE_READ | RC);
	access("load of a write-only page", s_ld, VIRTUAL, PTE_WRITE | RC);
	access("load of an execute-only page", s_ld, VIRTUAL, PTE_EXEC | RC);
	access("load of a page without rights", s_ld, VIRTUAL, RC);
	access("load of a privileged page", s_ld, VIRTUAL, PTE_READ | PTE_PRIV);
	access("load of a privileged page, user", s_ld, USER, PTE_READ | PTE_PRIV);
	access("store", s_std, VIRTUAL, PTE_READ | PTE_WRITE);
	access("store user", s_std, USER, PTE_READ | PTE_WRITE);
	access("store, R set", s_std, VIRTUAL, PTE_READ | PTE_WRITE | PTE_R);
	access("store to a read-only page", s_std, VIRTUAL, PTE_READ | RC);
	access("store to a read-only page, user", s_std, USER, PTE_READ | PTE_EXEC);
	access("store to a privileged page, user", s_std, USER, RWX | PTE_PRIV);
	access("load, then store", s_ld_std, VIRTUAL, PTE_READ | PTE_WRITE);
	access("store, then load", s_std_ld, USER, PTE_READ | PTE_WRITE);
	access("load of a non-idempotent page", s_ld, VIRTUAL, PTE_READ | PTE_NI);
	access("store to a non-idempotent page", s_std, VIRTUAL, PTE_READ | PTE_WRITE | PTE_NI);
	access("dcbz", s_dcbz, VIRTUAL, PTE_READ | PTE_WRITE);
	access("dcbz of a read-only page", s_dcbz, VIRTUAL, PTE_READ);
	access("ldarx, stdcx.", s_ldarx_stdcx, VIRTUAL, PTE_READ | PTE_WRITE);
	access("stdcx. without reservation", s_stdcx, VIRTUAL, PTE_READ | PTE_WRITE);
	access("stdcx. to a read-only page", s_ldarx_stdcx, VIRTUAL, PTE_READ);
	fetch("fetch", VIRTUAL, PTE_READ | PTE_EXEC);
	fetch("fetch user", USER, PTE_EXEC);
	fetch("fetch of a page without execute", VIRTUAL, PTE_READ | PTE_WRITE | RC);
	fetch("fetch of a page without execute, user", USER, PTE_READ | PTE_WRITE);
	fetch("fetch of a privileged page, user", USER, RWX | PTE_PRIV);
	fetch("fetch of a privileged page", VIRTUAL, RWX | PTE_PRIV);
	fetch("fetch of a guarded page", VIRTUAL, RWX | PTE_NI);
}

/* Six accesses to a place; `open` lines begin with '?'. */
static void six(const char *name, u64 ea, int open)
{
	start(name);
	end();
	run(&"?  load"[!open], (u64)s_ld, VIRTUAL, 0, ea, DAR);
	run(&"?  store"[!open], (u64)s_std, VIRTUAL, 0, ea, DAR);
	run(&"?  load, user"[!open], user(s_lbz), USER, 0, ea, DAR);
	run(&"?  store, user"[!open], user(s_std), USER, 0, ea, DAR);
	run(&"?  fetch"[!open], (u64)s_jump, VIRTUAL, 0, ea, 0);
	run(&"?  fetch, user"[!open], user(s_jump), USER, 0, ea, 0);
}

static void missing(void)
{
	map(1, USER_DATA, DATA_RA, 16, RWX);
	tlb_flush();
	six("no leaf", USER_DATA + 0x20008, 0);
	six("no directory", 0x4000000000, 0);
	six("no root entry", 0xfff0000000008, 0);
	six("beyond 52 bits", 0x10000000000000, 0);
	six("quadrant 1", 0x4000000000000000, 1);
	six("quadrant 2", 0x8000000000000000, 1);
	six("quadrant 1, beyond 52 bits", 0x4010000000000000, 0);
	six("quadrant 3, no leaf", 0xc000000040000000, 0);
	six("quadrant 3, beyond 52 bits", 0xc010000000000000, 0);
	mtspr(SPR_PIDR, 7);
	run("?pid without a tree", (u64)s_ld, VIRTUAL, 0, USER_DATA, DAR);
	run("?pid without a tree, fetch", (u64)s_jump, VIRTUAL, 0, USER_CODE, 0);
	mtspr(SPR_PIDR, 0x1000);
	run("pid beyond the table", (u64)s_ld, VIRTUAL, 0, USER_DATA, DAR);
	mtspr(SPR_PIDR, 1);
	run("load in real mode, IR on", (u64)s_ld, HOME | MSR_IR, 0, LINEAR | DATA_RA, BRIEF);
	run("DR on, IR off", (u64)s_ld, HOME | MSR_DR, 0, USER_DATA + 0x20000, DAR);
}

/* A malformed tree: reserved sizes in a directory entry. */
static void malformed(void)
{
	u64 *pte = map(1, 0x50000000, DATA_RA, 21, RWX);

	set_pte(pte, 1ul << 63 | 0xf00000 | 3);
	tlb_flush();
	run("directory with a bad size", (u64)s_ld, VIRTUAL, 0, 0x50000000, DAR);
	set_pte(pte, 0);
}

static void sizes(void)
{
	static const struct { const char *name; u64 ea, ra; int shift; } leaves[] = {
		{ "4 KiB", 0x60000000, DATA_RA + 0x3000, 12 },
		{ "64 KiB", 0x61000000, DATA_RA + 0x10000, 16 },
		{ "2 MiB", 0x62000000, DATA_RA + 0x200000, 21 },
		{ "1 GiB", 0x80000000, 0, 30 },
	};
	for (int i = 0; i < 4; i++) {
		u64 size = 1ul << leaves[i].shift, ra = leaves[i].ra;
		u64 offset = i == 3 ? DATA_RA + 0x5008 : size - 0x100;
		u64 *user_pte = map(1, leaves[i].ea, ra, leaves[i].shift, RWX);
		u64 *pte = map(0, leaves[i].ea + (i == 3) * 0x40000000, ra, leaves[i].shift, RWX | PTE_PRIV);
		u64 kernel = LINEAR + leaves[i].ea + (i == 3) * 0x40000000;
		fill(ra + (offset & ~0xfful), 0x0706050403020100 + i);
		tlb_flush();
		start(leaves[i].name);
		end();
		run("  quadrant 0", (u64)s_ld, VIRTUAL, 0, leaves[i].ea + offset, R3 | BRIEF);
		run("  quadrant 0, user", user(s_std_ld), USER, 0x77, leaves[i].ea + offset, R3 | BRIEF);
		run("  quadrant 3", (u64)s_ld, VIRTUAL, 0, kernel + offset, R3 | BRIEF);
		run("  quadrant 3, user", user(s_ld), USER, 0, kernel + offset, DAR);
		if (i < 3)
			run("  behind it", (u64)s_ld, VIRTUAL, 0, kernel + size, DAR);
		start("  rc");
		field("user", get_pte(user_pte) & 0x1ff);
		field("kernel", get_pte(pte) & 0x1ff);
		end();
		set_pte(pte, 0);
		set_pte(user_pte, 0);
	}
	tlb_flush();
}

void check_trees(void)
{
	protection();
	missing();
	malformed();
	sizes();
}

static void unaligned(const char *name, const char *snippet, u64 offset)
{
	fill(DATA_RA, 0x0706050403020100);
	fill(DATA_RA + 0xff00, 0x8786858483828180);
	fill(DATA_RA + 0x10000, 0x1716151413121110);
	run(name, (u64)snippet, VIRTUAL, 0x1122334455667788, USER_DATA + offset, R3 | DAR);
	start("  memory");
	field("a", *(u64 *)((u64)data(DATA_RA) + (offset & ~7ul)));
	field("b", *(u64 *)((u64)data(DATA_RA) + (offset & ~7ul) + 8));
	end();
}

static void boundaries(void)
{
	u64 *first = map(1, USER_DATA, DATA_RA, 16, RWX);
	u64 *second = map(1, USER_DATA + 0x10000, DATA_RA + 0x10000, 16, RWX);

	tlb_flush();
	for (u64 o = 1; o < 8; o += 3) {
		unaligned("ld", s_ld, o);
		unaligned("std", s_std_ld, o);
		unaligned("ld across pages", s_ld, 0xfff8 + o);
		unaligned("std across pages", s_std_ld, 0xfff8 + o);
	}
	unaligned("lwz across pages", s_lwz, 0xfffe);
	start("rc");
	field("first", get_pte(first) & 0x1ff);
	field("second", get_pte(second) & 0x1ff);
	end();
	set_pte(second, VALID_LEAF | (DATA_RA + 0x10000) | PTE_READ);
	tlb_flush();
	unaligned("std into a read-only page", s_std, 0xfffc);
	set_pte(second, 0);
	tlb_flush();
	unaligned("ld into a missing page", s_ld, 0xfffc);
	unaligned("std into a missing page", s_std, 0xfffc);
	set_pte(second, VALID_LEAF | (DATA_RA + 0x10000) | RWX);
	set_pte(first, 0);
	tlb_flush();
	unaligned("ld out of a missing page", s_ld, 0xfffc);
}

void check_storage(void)
{
	static const struct { const char *name, *snippet; u64 align; } list[] = {
		{ "lharx", s_lharx, 2 },   { "lwarx", s_lwarx, 4 },   { "ldarx", s_ldarx, 8 },
		{ "lqarx", s_lqarx, 16 },  { "stwcx.", s_stwcx, 4 },  { "stdcx.", s_stdcx, 8 },
		{ "stqcx.", s_stqcx, 16 },
	};
	u64 there = LINEAR | DATA_RA;

	fill(DATA_RA, 0x1020304050607080);
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		start(list[i].name);
		end();
		run("  aligned", (u64)list[i].snippet, HOME, 0x99, there, R3 | BRIEF);
		int store = list[i].name[0] == 's'; /* QEMU compares reservations first. */
		run(store ? "?  unaligned" : "  unaligned", (u64)list[i].snippet, HOME, 0x99, there + list[i].align / 2, DAR);
		run(store ? "?  unaligned, virtual" : "  unaligned, virtual", (u64)list[i].snippet, VIRTUAL, 0x99, there + list[i].align - 1, DAR);
	}
	run("?lmw", (u64)s_lmw, HOME, 0, there, R3 | BRIEF);
	run("?lmw unaligned", (u64)s_lmw, HOME, 0, there + 2, DAR);
	run("lq", (u64)s_lq, HOME, 0, there, R3 | BRIEF);
	run("?lq unaligned", (u64)s_lq, HOME, 0, there + 8, DAR);
	boundaries();
}
