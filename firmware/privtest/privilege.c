/* Privileged instructions in problem state, and the SPRs. */
#include "privtest.h"

void check_privilege(void)
{
	/* Operands are register 0 or 3; nothing may be executed. */
	static const struct { const char *name; u32 word; } words[] = {
		{ "mfmsr", 0x7c6000a6 },   { "mtmsr", 0x7c600124 },  { "mtmsr L=1", 0x7c610124 },
		{ "mtmsrd", 0x7c600164 },  { "mtmsrd L=1", 0x7c610164 }, { "rfid", 0x4c000024 },
		{ "hrfid", 0x4c000224 },   { "rfscv", 0x4c0000a4 },  { "stop", 0x4c0002e4 },
		{ "tlbie", 0x7c631a64 },   { "tlbiel", 0x7c631a24 }, { "tlbsync", 0x7c00046c },
		{ "slbia", 0x7c0003e4 },   { "slbie", 0x7c001b64 },  { "slbieg", 0x7c601ba4 },
		{ "slbmte", 0x7c601b24 },  { "slbmfev", 0x7c601ea6 }, { "slbmfee", 0x7c601f26 },
		{ "slbsync", 0x7c0002a4 | 0 }, { "msgsnd", 0x7c00199c }, { "msgclr", 0x7c0019dc },
		{ "msgsndp", 0x7c00191c }, { "msgclrp", 0x7c00195c }, { "msgsync", 0x7c0006ec },
		{ "firmware", 0x00000200 },
	};
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		put("user ");
		run(words[i].name, user_code(&words[i].word, 1), USER, 0, 0, 0);
	}
}

static u32 spr_word(u32 base, u32 reg, u32 n)
{
	return base | reg << 21 | (n & 31) << 16 | n >> 5 << 11;
}
#define MFSPR(reg, n) spr_word(0x7c0002a6, reg, n)
#define MTSPR(reg, n) spr_word(0x7c0003a6, reg, n)

/* How an access ended, as a letter. */
static const char *ended(void)
{
	switch (saved.id) {
	case 0xc00: return ".";
	case 0x700: return saved.srr1 & 0x40000 ? "p" : "?";
	case 0xe40: return "h";
	case 0xf60: return "f";
	case 0xf80: return "F";
	default: return "!";
	}
}

enum { READ = 1, WRITE = 2 };

/* Numbers that are not compared, '-' is printed: with the reason. */
static int skipped(u32 n, int how)
{
	static const struct { unsigned short first, last, how; } list[] = {
		{ 3, 3, READ | WRITE },	/* DSCR of problem state: QEMU 7.2 has none */
		{ 898, 898, READ | WRITE }, /* PPR32: QEMU 7.2 has none */
		{ 128, 131, READ | WRITE }, /* transactional memory: not modelled */
		{ 284, 286, READ },	/* write-only time base: QEMU reads it */
		{ 308, 309, READ },	/* SPURR, PURR: QEMU lets problem state read them */
		{ 152, 152, READ },	/* write-only CTRL: QEMU knows it for reads too */
		/* Read-only numbers with spr[0] = 0 are illegal (III 4.4.5); QEMU: privileged. */
		{ 136, 136, WRITE }, { 259, 259, WRITE }, { 268, 269, WRITE },
		{ 768, 783, WRITE },	/* performance monitor: no effect behind it, see MMCR0[PMCC] */
	};
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		if (n >= list[i].first && n <= list[i].last && how & list[i].how)
			return 1;
	return 0;
}

/* One line per 64 numbers: every SPR read, or written with what problem state
 * may write: zero. */
static void sweep(const char *name, u64 msr, int write)
{
	u64 gpr[8] = { 0 };

	for (u32 n = 0; n < 1024; n++) {
		if (n % 64 == 0) {
			put(name);
			put(" ");
			put_decimal(n);
			put(": ");
		}
		u32 word = write ? MTSPR(3, n) : MFSPR(3, n);
		if (skipped(n, write ? WRITE : READ)) {
			put("-");
		} else {
			probe(msr & MSR_PR ? user_code(&word, 1) : code(&word, 1), msr, gpr);
			put(ended());
		}
		if (n % 64 == 63)
			end();
	}
}

/* Writes two patterns, reads them back, restores. */
static void keeps(const char *name, u32 n, u64 mask)
{
	u32 words[] = { MFSPR(5, n), MTSPR(3, n), MFSPR(6, n), MTSPR(4, n), MFSPR(7, n), MTSPR(5, n) };
	u64 gpr[8] = { 0x5555555555555555ul & mask, 0xaaaaaaaaaaaaaaaaul & mask };

	probe(code(words, 6), HOME, gpr);
	put(name[0] == '?' ? "?spr " : "spr ");
	start(name + (name[0] == '?'));
	field("v", saved.id);
	field("a", saved.gpr[6]);
	field("b", saved.gpr[7]);
	end();
}

static void supervisor_sprs(void)
{
	static const struct { const char *name; u32 n; u64 mask; } list[] = {
		{ "XER", 1, 0xe00c007f },	{ "DSCR", 17, 0x1ffffff },	{ "?DSCR user", 3, 0x1ffffff },
		{ "LR", 8, ~0ul },		{ "CTR", 9, ~0ul },		{ "AMR", 29, ~0ul },
		{ "DSISR", 18, 0xffffffff },		{ "DAR", 19, ~0ul },		{ "SRR0", 26, ~3ul },
		{ "SRR1", 27, ~0ul },		{ "CFAR", 28, ~3ul },		{ "IAMR", 61, 0x5555555555555555ul },
		{ "PIDR", 48, 0xfffff },	{ "TIDR", 144, 0xffff },	{ "UAMOR", 157, ~0ul },
		{ "FSCR", 153, 0x1184 },	{ "VRSAVE", 256, 0xffffffff },	{ "SPRG0", 272, ~0ul },
		{ "SPRG1", 273, ~0ul },		{ "SPRG3", 275, ~0ul },		{ "HDSISR", 306, 0xffffffff },
		{ "HDAR", 307, ~0ul },		{ "HSRR0", 314, ~3ul },		{ "HSRR1", 315, ~0ul },
		{ "HMEER", 337, ~0ul },		{ "?HEIR", 339, 0xffffffff },		{ "HFSCR", 190, ~0ul },
		{ "AMOR", 349, ~0ul },		{ "EBBHR", 804, ~3ul },		{ "EBBRR", 805, ~3ul },
		{ "BESCR", 806, 0x100000000ul }, { "TAR", 815, ~0ul },		{ "PSPB", 159, 0xffffffff },
		{ "HMER", 336, ~0ul },
		{ "ASDR", 816, ~0ul },		{ "PPR", 896, 0x1c000000000000ul },
	};
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++)
		keeps(list[i].name, list[i].n, list[i].mask);
	start("spr SPRG3 user");
	mtspr(275, 0x123456789abcdef0);
	field("a", mfspr(259));
	mtspr(SPR_HSPRG1, 0xfedcba987654321);
	field("HSPRG1", mfspr(SPR_HSPRG1));
	field("PVR", mfspr(287) >> 16);
	field("PIR", mfspr(SPR_PIR));
	end();
}

/* AMR through SPR 13 changes what UAMOR permits (Book III 5.7.13.1). */
static void amr_user(void)
{
	u32 words[] = { MTSPR(3, 13), MFSPR(4, 13) };
	u64 gpr[8] = { ~0ul };

	mtspr(SPR_AMR, 0);
	mtspr(157, 0xc000000000000003);
	probe(user_code(words, 2), USER, gpr);
	report("?AMR user", USER_CODE, R4 | BRIEF);
	mtspr(SPR_AMR, 0);
	mtspr(157, 0);
}

/* FSCR facilities from problem state (Book III 6.5.22). */
static void facilities(void)
{
	static const struct { const char *name; u32 n, bit; } list[] = {
		{ "DSCR", 3, 2 }, { "EBBHR", 804, 7 }, { "TAR", 815, 8 },
	};
	u64 gpr[8] = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		for (u64 on = 0; on < 2; on++) {
			u32 words[] = { MFSPR(5, list[i].n), MTSPR(5, list[i].n) };
			mtspr(SPR_FSCR, on << list[i].bit);
			probe(user_code(words, 2), USER, gpr);
			put(i == 0 ? "?facility " : "facility ");
			start(list[i].name);
			field("on", on);
			field("v", saved.id);
			field("cause", mfspr(SPR_FSCR) >> 56);
			end();
		}
	}
	mtspr(SPR_FSCR, 0);
}

void check_sprs(void)
{
	supervisor_sprs();
	amr_user();
	facilities();
	mtspr(SPR_FSCR, 0x1184);
	sweep("read user", USER, 0);
	sweep("write user", USER, 1);
	sweep("read", HOME, 0);
	mtspr(SPR_FSCR, 0);
}
