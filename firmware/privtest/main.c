/*
 * Privileged instructions and behaviour of a POWER9, one line per check. The
 * same lines come from QEMU and from capisim: tests/it/privtest.rs compares.
 */
#include "privtest.h"

static int is_hsrr(u64 vector)
{
	return vector == 0x500 || vector == 0x980 || (vector >= 0xe00 && vector < 0xf00) || vector == 0xf80;
}

/* Prints the last probe: vector (odd = relocated place), where it stopped
 * relative to `place`, the saved and the new MSR. */
void report(const char *name, u64 place, int show)
{
	u64 vector = saved.id & ~1ul;
	int h = is_hsrr(vector), scv = vector >= 0x3000;
	u64 at = scv ? saved.lr : h ? saved.hsrr0 : saved.srr0;
	u64 msr = scv ? saved.ctr : h ? saved.hsrr1 : saved.srr1;

	start(name);
	field("v", saved.id);
	if (at - place < 0x1000)
		field("at", at - place);
	else
		field("nia", at);
	if (!(show & BRIEF)) {
		field("saved", msr);
		field("msr", saved.msr);
	}
	if (show & R3)
		field("r3", saved.gpr[3]);
	if (show & R4)
		field("r4", saved.gpr[4]);
	if (show & DAR && (vector == 0x300 || vector == 0x380 || vector == 0x600))
		field("dar", saved.dar);
	if (show & DAR && vector == 0x300)
		field("dsisr", saved.dsisr);
	if (show & LINK) {
		field("lr", saved.lr - place);
		field("ctr", saved.ctr);
	}
	end();
	if (show & HEIR) {
		start("?  heir");
		field("word", saved.heir);
		end();
	}
}

void run(const char *name, u64 place, u64 msr, u64 r3, u64 r4, int show)
{
	u64 gpr[8] = { r3, r4 };

	mtspr(SPR_DAR, 0);
	mtspr(SPR_DSISR, 0);
	mtspr(SPR_HEIR, 0);
	probe(place, msr, gpr);
	report(name, place, show);
}

u64 user(const char *snippet)
{
	return USER_CODE + (snippet - snippets);
}

u64 code(const u32 *words, int n)
{
	volatile u32 *to = (volatile u32 *)buffer;

	for (int i = 0; i < n; i++)
		to[i] = words[i];
	to[n] = 0x44000002; /* sc */
	for (int i = 0; i <= n; i++)
		asm volatile("dcbst 0,%0; sync; icbi 0,%0" : : "r"(to + i) : "memory");
	asm volatile("sync; isync" : : : "memory");
	return (u64)buffer;
}

u64 user_code(const u32 *words, int n)
{
	code(words, n);
	return user(buffer);
}

/* Known values in what firmware may have left in any state. */
static void settle(void)
{
	mtspr(SPR_LPCR, LPCR_UPRT | LPCR_HR | LPCR_LD | LPCR_PECE1);
	mtspr(SPR_DEC, 0x7fffffffffffff);
	mtspr(SPR_AMOR, ~0ul);
	mtspr(SPR_AMR, 0);
	mtspr(SPR_IAMR, 0);
	mtspr(SPR_FSCR, 0);
	mtspr(SPR_LPIDR, 0);
	mtspr(SPR_PIDR, 1);
	mtspr(SPR_PSSCR, 0);
	mtspr(SPR_HMER, 0);
	asm volatile("isync");
}

void begin(u64 fdt)
{
	open_console(fdt);
	reinit_cpus(2); /* interrupts in little-endian mode */
	put("\nprivtest: begin\n");
	settle();
	make_trees();
	check_msr();
	check_calls();
	check_privilege();
	check_sprs();
	check_events();
	check_storage();
	check_trees();
	check_invalidation();
	check_modes();
	u64 n = lines();
	put("privtest: ");
	put_decimal(n);
	put(" checks");
	end();
	power_off();
}
