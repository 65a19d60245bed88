/* The MSR and the ways to write it; system calls, traps, illegal words,
 * unavailable facilities. */
#include "privtest.h"

/* Bits that this payload writes: 32-bit mode (SF=0), transactional memory and
 * the trace bits are left alone, see EXEMPT in tests/it/privtest.rs. */
#define TRY_LOW (MSR_VEC | MSR_VSX | MSR_FP | MSR_RI)

static void masks(const char *name, const char *snippet)
{
	start(name);
	end();
	run("  nothing", (u64)snippet, HOME, HOME, 0, R3);
	run("  facilities", (u64)snippet, HOME, HOME | TRY_LOW, 0, R3);
	run("  fe0,fe1,pmm", (u64)snippet, HOME, HOME | 0x904, 0, R3);
	run("  no hv,me,le", (u64)snippet, HOME, MSR_SF | MSR_RI, 0, R3);
	run("  no ri", (u64)snippet, HOME, HOME & ~MSR_RI, 0, R3);
	run("  ee", (u64)snippet, HOME, HOME | MSR_EE, 0, R3);
	run("  ir,dr", (u64)snippet, HOME, VIRTUAL, 0, R3);
	run("  dr", (u64)snippet, HOME, HOME | MSR_DR, 0, R3);
	run("  pr", (u64)snippet, HOME, HOME | MSR_PR, 0, R3);
	run("  reserved", (u64)snippet, HOME, HOME | 0x0000100000000008, 0, R3);
	run("  drop all", (u64)snippet, VIRTUAL | TRY_LOW, MSR_SF, 0, R3);
	run("  user page", user(snippet), VIRTUAL, USER, 0, R3);
}

static void returns(const char *name, const char *snippet)
{
	u64 there = (u64)s_mfmsr;

	start(name);
	end();
	run("  home", (u64)snippet, HOME, HOME, there, R3);
	run("  facilities", (u64)snippet, HOME, HOME | TRY_LOW, there, R3);
	run("  ir,dr", (u64)snippet, HOME, VIRTUAL, there, R3);
	run("  back to real", (u64)snippet, VIRTUAL, HOME, there, R3);
	run("  low bits of the address", (u64)snippet, HOME, HOME, there | 3, R3);
	run("  reserved", (u64)snippet, HOME, HOME | 0x0000100000000008, there, R3);
	run("  interrupt bits of SRR1", (u64)snippet, HOME, HOME | 0x783f0000, there, R3);
	run("  pr alone", (u64)snippet, HOME, (HOME | MSR_PR) & ~MSR_EE, user(s_mfmsr), 0);
	run("  pr", (u64)snippet, HOME, USER, user(s_nothing), 0);
	run("  no me", (u64)snippet, HOME, HOME & ~MSR_ME, there, R3);
	run("  no ri", (u64)snippet, HOME, HOME & ~MSR_RI, there, R3);
}

void check_msr(void)
{
	run("mfmsr", (u64)s_mfmsr, HOME, 0, 0, R3);
	run("mfmsr virtual", (u64)s_mfmsr, VIRTUAL, 0, 0, R3);
	masks("mtmsr", s_mtmsr);
	masks("mtmsr L=1", s_mtmsr_l1);
	masks("mtmsrd", s_mtmsrd);
	masks("mtmsrd L=1", s_mtmsrd_l1);
	returns("rfid", s_rfid);
	returns("hrfid", s_hrfid);
	mtspr(SPR_FSCR, 1 << 12);
	returns("rfscv", s_rfscv);
	mtspr(SPR_FSCR, 0);
}

static void system_calls(void)
{
	run("sc", (u64)s_nothing, HOME, 0, 0, LINK);
	run("sc virtual", (u64)s_nothing, VIRTUAL, 0, 0, 0);
	run("sc facilities on", (u64)s_nothing, HOME | TRY_LOW, 0, 0, 0);
	run("sc no ri", (u64)s_nothing, HOME & ~MSR_RI, 0, 0, 0);
	run("sc no me", (u64)s_nothing, HOME & ~MSR_ME, 0, 0, 0);
	run("sc user", user(s_nothing), USER, 0, 0, 0);
	run("sc 1", (u64)s_sc1, HOME, 0, 0, 0);
	run("sc 1 user", user(s_sc1), USER, 0, 0, 0);
	run("scv 0 off", (u64)s_scv0, HOME, 0, 0, LINK);
	run("scv 0 off user", user(s_scv0), USER, 0, 0, 0);
	start("fscr after");
	field("cause", mfspr(SPR_FSCR) >> 56);
	end();
	mtspr(SPR_FSCR, 1 << 12);
	run("scv 0", (u64)s_scv0, HOME, 0, 0, LINK);
	run("scv 5", (u64)s_scv5, HOME | TRY_LOW, 0, 0, LINK);
	run("scv 127", (u64)s_scv127, HOME & ~MSR_RI, 0, 0, LINK);
	run("scv 0 virtual", (u64)s_scv0, VIRTUAL, 0, 0, LINK);
	run("scv 0 user", user(s_scv0), USER, 0, 0, LINK);
	run("scv 5 user", user(s_scv5), USER, 0, 0, LINK);
	mtspr(SPR_FSCR, 0);
}

static void illegal(void)
{
	static const struct { const char *name; u32 word; } words[] = {
		{ "illegal 0", 0 },
		{ "illegal primary 1", 0x04000000 },
		{ "illegal primary 22", 0x58000000 },
		{ "illegal primary 31", 0x7c000002 },
		{ "illegal primary 19", 0x4c00003e },
		{ "firmware word elsewhere", 0x00000200 },
	};
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		run(words[i].name, code(&words[i].word, 1), HOME, 0, 0, HEIR);
		run("  virtual", code(&words[i].word, 1), VIRTUAL, 0, 0, HEIR);
		run("  user", user_code(&words[i].word, 1), USER, 0, 0, HEIR);
	}
	run("trap", (u64)s_trap, HOME, 0, 0, 0);
	run("trap user", user(s_trap), USER, 0, 0, 0);
	run("tdi equal", (u64)s_tdi, HOME, 0, 7, 0);
}

/* Which interrupt for each of the eight settings of FP, VEC and VSX. */
static void unavailable(const char *name, const char *snippet)
{
	u64 gpr[8] = { 0, (u64)buffer };

	start(name);
	for (int i = 0; i < 8; i++) {
		u64 msr = (i & 1 ? MSR_FP : 0) | (i & 2 ? MSR_VEC : 0) | (i & 4 ? MSR_VSX : 0);
		static const char *const settings[] = { "off", "fp", "vec", "fp,vec", "vsx", "fp,vsx", "vec,vsx", "all" };
		probe((u64)snippet, HOME | msr, gpr);
		field(settings[i], saved.id);
	}
	end();
}

/* Floating-point enabled exceptions (Book III 6.5.9). */
static void float_exceptions(void)
{
	static u64 one = 0x3ff0000000000000;
	static const struct { const char *name; u64 fe; } modes[] = {
		{ "fe=00", 0 }, { "fe=11", 0x900 }, { "fe=10", 0x800 }, { "fe=01", 0x100 },
	};
	for (int i = 0; i < 4; i++) {
		put("division by zero ");
		run(modes[i].name, (u64)s_divide, HOME | MSR_FP | modes[i].fe, 0, (u64)&one, 0);
		put("enabling it late ");
		run(modes[i].name, (u64)s_enable, HOME | MSR_FP | modes[i].fe, 0, 0, 0);
		run("cleared", (u64)s_clear, HOME | MSR_FP, 0, 0, BRIEF);
	}
}

void check_calls(void)
{
	float_exceptions();
	run("trace single step", (u64)s_steps, HOME | 0x400, 0, 0, 0);
	run("?trace off", (u64)s_mtmsr, HOME | 0x400, HOME, 0, 0);
	run("trace on", (u64)s_mtmsr, HOME, HOME | 0x400, 0, 0);
	run("trace sc", (u64)s_nothing, HOME | 0x400, 0, 0, 0);
	run("trace trap", (u64)s_trap, HOME | 0x400, 0, 0, 0);
	run("trace load", (u64)s_ld, HOME | 0x400, 0, (u64)buffer, 0);
	run("trace big-endian", (u64)s_big, (HOME | 0x400) & ~MSR_LE, 0, (u64)buffer, 0);
	run("?trace branches", (u64)s_steps, HOME | 0x200, 0, 0, 0);
	run("trace single step user", user(s_steps), USER | 0x400, 0, 0, 0);
	system_calls();
	illegal();
	run("fp unavailable", (u64)s_fadd, HOME, 0, 0, 0);
	run("fp unavailable user", user(s_fadd), USER, 0, 0, 0);
	run("vec unavailable", (u64)s_vadd, HOME, 0, 0, 0);
	run("vsx unavailable", (u64)s_xxlor, HOME, 0, 0, 0);
	unavailable("fadd", s_fadd);
	unavailable("lfd", s_lfd);
	unavailable("mffs", s_mffs);
	unavailable("vaddubm", s_vadd);
	unavailable("lvx", s_lvx);
	unavailable("xxlor", s_xxlor);
	unavailable("lxvd2x", s_lxvd2x);
	unavailable("mfvsrd 1", s_mfvsrd);
	unavailable("mfvsrd 33", s_mfvsrd_vr);
	unavailable("lxv 1", s_lxv);
	unavailable("lxv 33", s_lxv_vr);
	unavailable("?lxsd", s_lxsd);
}
