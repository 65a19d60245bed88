/* Invalidation, relocated interrupts, byte order, process ids. */
#include "privtest.h"

#define RW (PTE_READ | PTE_WRITE)
#define LINEAR 0xc000000000000000ul
#define VALID_LEAF 0xc000000000000000ul
#define HERE 0x70000000ul

static void put_at(u64 real, u64 value)
{
	*(volatile u64 *)(LINEAR | real) = value;
}

/* Uses a translation, moves the page, invalidates, looks where it is now. */
static void moves(const char *name, int shift, const char *snippet, u64 rs, u64 rb)
{
	u64 gpr[8] = { 0, HERE }, how[8] = { rs, rb };
	u64 *pte = map(1, HERE, DATA_RA, shift, RW);

	put_at(DATA_RA, 0x111);
	put_at(DATA_RA + 0x200000, 0x222);
	tlb_flush();
	probe((u64)s_ld, VIRTUAL, gpr);
	start(name);
	field("before", saved.gpr[3]);
	set_pte(pte, VALID_LEAF | (DATA_RA + 0x200000) | RW);
	probe((u64)snippet, HOME, how);
	field("v", saved.id);
	probe((u64)s_ld, VIRTUAL, gpr);
	field("after", saved.gpr[3]);
	set_pte(pte, 0);
	probe((u64)snippet, HOME, how);
	probe((u64)s_ld, VIRTUAL, gpr);
	field("unmapped", saved.id);
	field("dsisr", saved.dsisr);
	end();
}

/* An invalid entry is not kept: no tlbie when it becomes valid (Book III
 * 5.10.1); neither is the absence of R or C when an access needs it. */
static void becomes_valid(void)
{
	u64 gpr[8] = { 0x5a5a, HERE };
	u64 *pte = map(1, HERE, DATA_RA, 16, RW);

	put_at(DATA_RA, 0x111);
	set_pte(pte, 0);
	tlb_flush();
	start("invalid, then valid");
	probe((u64)s_ld, VIRTUAL, gpr);
	field("invalid", saved.id);
	set_pte(pte, VALID_LEAF | DATA_RA | RW);
	probe((u64)s_ld, VIRTUAL, gpr);
	field("v", saved.id);
	field("r3", saved.gpr[3]);
	field("pte", get_pte(pte) & 0xfff);
	probe((u64)s_std, VIRTUAL, gpr);
	field("v", saved.id);
	field("pte", get_pte(pte) & 0xfff);
	end();
}

void check_invalidation(void)
{
	u64 pid1 = 1ul << 32;

	moves("tlbie page 64 KiB", 16, s_tlbie, pid1, HERE | 5 << 5);
	moves("tlbie page 4 KiB", 12, s_tlbie, pid1, HERE);
	moves("tlbie page 2 MiB", 21, s_tlbie, pid1, HERE | 1 << 5);
	moves("tlbie pid", 16, s_tlbie, pid1, 1 << 10);
	moves("tlbie pid, RIC=2", 16, s_tlbie_all, pid1, 1 << 10);
	moves("tlbie lpid, RIC=2", 16, s_tlbie_all, 0, 2 << 10);
	moves("tlbie all, RIC=2", 16, s_tlbie_all, 0, 3 << 10);
	moves("tlbiel page 64 KiB", 16, s_tlbiel, pid1, HERE | 5 << 5);
	moves("tlbiel page 4 KiB", 12, s_tlbiel, pid1, HERE);
	moves("tlbiel pid, RIC=2", 16, s_tlbiel_all, pid1, 1 << 10);
	moves("tlbiel all, RIC=2", 16, s_tlbiel_all, 0, 3 << 10);
	moves("tlbiel pid, 128 sets", 16, s_tlbiel_sets, pid1, 1 << 10);
	moves("tlbiel partition-scoped", 16, s_tlbiel_partition, 0, 3 << 10);
	moves("tlbie partition-scoped", 16, s_tlbie_partition, 0, 3 << 10);
	run("tlbiel RIC=1", (u64)s_tlbiel_walk, HOME, pid1, 1 << 10, BRIEF);
	run("tlbie RIC=1", (u64)s_tlbie_walk, HOME, pid1, 1 << 10, BRIEF);
	becomes_valid();
}

static void process_ids(void)
{
	u64 gpr[8] = { 0, HERE };

	map(1, HERE, DATA_RA, 16, RW);
	map(2, HERE, DATA_RA + 0x200000, 16, RW);
	put_at(DATA_RA, 0x111);
	put_at(DATA_RA + 0x200000, 0x222);
	tlb_flush();
	start("pid switch");
	for (u64 i = 0; i < 4; i++) {
		mtspr(SPR_PIDR, 1 + i % 2);
		asm volatile("isync");
		probe((u64)s_ld, VIRTUAL, gpr);
		field("r3", saved.gpr[3]);
	}
	end();
	mtspr(SPR_PIDR, 0);
	run("pid 0 in quadrant 0", (u64)s_ld, VIRTUAL, 0, HERE, DAR);
	run("linear map without its quadrant", (u64)s_ld, VIRTUAL, 0, DATA_RA, R3 | BRIEF);
	mtspr(SPR_PIDR, 1);
}

static void relocated(void)
{
	static const u32 zero = 0;

	mtspr(SPR_LPCR, LPCR_UPRT | LPCR_HR | LPCR_LD | LPCR_PECE1 | LPCR_AIL3);
	asm volatile("isync");
	run("ail sc", (u64)s_nothing, VIRTUAL, 0, 0, 0);
	run("ail sc user", user(s_nothing), USER, 0, 0, 0);
	run("ail sc real", (u64)s_nothing, HOME, 0, 0, 0);
	run("ail sc IR alone", (u64)s_nothing, HOME | MSR_IR, 0, 0, 0);
	run("ail sc DR alone", (u64)s_nothing, HOME | MSR_DR, 0, 0, 0);
	run("ail trap", (u64)s_trap, VIRTUAL, 0, 0, 0);
	run("ail privileged", user(s_mfmsr), USER, 0, 0, 0);
	run("ail illegal", code(&zero, 1), VIRTUAL, 0, 0, HEIR);
	run("ail fp", (u64)s_fadd, VIRTUAL, 0, 0, 0);
	run("ail vec", (u64)s_vadd, VIRTUAL, 0, 0, 0);
	run("ail vsx", (u64)s_xxlor, VIRTUAL, 0, 0, 0);
	run("ail load", (u64)s_ld, VIRTUAL, 0, 0x90000000, DAR);
	run("ail fetch", (u64)s_jump, VIRTUAL, 0, 0x90000000, 0);
	run("ail segment", (u64)s_ld, VIRTUAL, 0, 0x0400000000000000, DAR);
	run("ail instruction segment", (u64)s_jump, VIRTUAL, 0, 0xc010000000000000, 0);
	run("ail alignment", (u64)s_lwarx, VIRTUAL, 0, LINEAR | (DATA_RA + 1), DAR);
	run("ail scv off", (u64)s_scv0, VIRTUAL, 0, 0, 0);
	run("ail dec", (u64)s_mtdec_spin, VIRTUAL | MSR_EE, -1ul, 0, 0);
	run("ail dec real", (u64)s_spin, HOME | MSR_EE, 0, 0, 0);
	mtspr(SPR_DEC, 0x7fffffffffffff);
	run("ail doorbell", (u64)s_msgsnd_spin, VIRTUAL | MSR_EE, 5ul << 27 | mfspr(SPR_PIR), 0, 0);
	mtspr(SPR_FSCR, 1 << 12);
	run("ail scv 0", (u64)s_scv0, VIRTUAL, 0, 0, LINK);
	run("ail scv 5 user", user(s_scv5), USER, 0, 0, LINK);
	run("ail scv 0 real", (u64)s_scv0, HOME, 0, 0, LINK);
	mtspr(SPR_FSCR, 0);
	mtspr(SPR_LPCR, LPCR_UPRT | LPCR_HR | LPCR_LD | LPCR_PECE1);
	asm volatile("isync");
}

static void byte_order(void)
{
	u64 there = LINEAR | DATA_RA;

	map(1, USER_DATA, DATA_RA, 16, RW);
	tlb_flush();
	put_at(DATA_RA, 0x0102030405060708);
	put_at(DATA_RA + 8, 0);
	run("big-endian", (u64)s_big, HOME & ~MSR_LE, 0, there, R3);
	start("  lwz");
	field("r5", saved.gpr[5]);
	field("stored", *(volatile u64 *)(there + 8));
	end();
	run("big-endian virtual", (u64)s_big, VIRTUAL & ~MSR_LE, 0, there, R3);
	run("big-endian user", user(s_big), USER & ~MSR_LE, 0, USER_DATA, R3);
	run("big-endian user, privileged", user(s_big_user), USER & ~MSR_LE, 0, USER_DATA, R3);
	run("to big-endian by rfid", (u64)s_rfid, HOME, HOME & ~MSR_LE, (u64)s_big_sc, 0);
	run("to big-endian by hrfid", (u64)s_hrfid, HOME, HOME & ~MSR_LE, (u64)s_big_sc, 0);
	run("little-endian word", (u64)s_ld, HOME, 0, there, R3);
}

/* HID0[HILE]=0. The handler of sc alone can be entered in either order. */
static void big_endian_interrupts(void)
{
	u64 gpr[8] = { 0 };

	for (u64 flags = 1; flags < 3; flags++) {
		reinit_cpus(flags);
		put(flags == 1 ? "big-endian " : "little-endian ");
		start("interrupts");
		probe((u64)s_nothing, HOME, gpr);
		field("hile", mfspr(SPR_HID0) >> 59 & 1);
		field("v", saved.id);
		field("saved", saved.srr1);
		field("msr", flags == 1 ? saved.gpr[9] : saved.msr);
		end();
	}
}

void check_modes(void)
{
	process_ids();
	relocated();
	byte_order();
	big_endian_interrupts();
}
