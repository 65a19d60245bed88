/* Decrementer, time base, doorbells, stop, reservations. */
#include "privtest.h"

#define BIG 0x7ffffffffffffful
/* Directed hypervisor doorbell (Book III 10.3): type 5 and the target's PIR. */
#define DOORBELL (5ul << 27)

static void lpcr(u64 more)
{
	mtspr(SPR_LPCR, LPCR_UPRT | LPCR_HR | more);
	asm volatile("isync");
}

static void shifted(const char *name, u64 value, int shift)
{
	u64 gpr[8] = { value };

	probe((u64)s_mtdec_mfdec, HOME, gpr);
	start(name);
	field("v", saved.id);
	field("dec", saved.gpr[3] >> shift);
	end();
	mtspr(SPR_DEC, BIG);
}

static void decrementer(void)
{
	shifted("dec large", 0x40888800000000, 36);
	/* capisim keeps when DEC passes 0, which is not before time base 0. */
	run("a while", (u64)s_wait, HOME, 0x700000, 0, BRIEF);
	shifted("dec large negative", 0xffffffffa00000, 22);
	shifted("dec large, bits above 56", 0xab40888800000000, 36);
	run("dec expired", (u64)s_mtdec_spin, HOME | MSR_EE, -1ul, 0, 0);
	run("  still expired", (u64)s_spin, HOME | MSR_EE, 0, 0, 0);
	run("  not enabled", (u64)s_nothing, HOME, 0, 0, 0);
	run("  enabled by mtmsrd", (u64)s_ee_on, HOME, MSR_EE | MSR_RI, 0, 0);
	run("  virtual", (u64)s_spin, VIRTUAL | MSR_EE, 0, 0, 0);
	run("  user", user(s_spin), USER, 0, 0, 0);
	run("  gone by mtdec", (u64)s_wait, HOME | MSR_EE, 0, 0, BRIEF);
	mtspr(SPR_DEC, BIG);
	run("  gone", (u64)s_wait, HOME | MSR_EE, 100, 0, BRIEF);
	run("dec soon", (u64)s_mtdec_spin, HOME | MSR_EE, 5000, 0, 0);
	mtspr(SPR_DEC, BIG);
	run("dec 0x80000000, large", (u64)s_ee_on, HOME, MSR_EE, 0, BRIEF);
	lpcr(0);
	shifted("dec small", 0x48000000, 28);
	shifted("dec small negative", 0xffa00000, 22);
	mtspr(SPR_DEC, 0x80000000);
	run("dec 0x80000000, small", (u64)s_ee_on, HOME, MSR_EE, 0, BRIEF);
	mtspr(SPR_DEC, 0x17fffffff);
	run("dec 0x17fffffff, small", (u64)s_ee_on, HOME, MSR_EE, 0, BRIEF);
	lpcr(LPCR_LD | LPCR_PECE1);
	mtspr(SPR_DEC, BIG);
	run("time base", (u64)s_timebase, HOME, 0, 0, R3 | BRIEF);
	run("time base user", user(s_timebase), USER, 0, 0, R3 | BRIEF);
	run("mftbu", user(s_mftbu), USER, 0, 0, R3 | BRIEF);
}

static void doorbells(void)
{
	u64 self = DOORBELL | mfspr(SPR_PIR), ee = MSR_EE | MSR_RI;

	run("msgsnd", (u64)s_msgsnd, HOME, self, 0, 0);
	run("  taken", (u64)s_spin, HOME | MSR_EE, 0, 0, 0);
	run("  taken once", (u64)s_ee_on, HOME, ee, 0, BRIEF);
	run("msgsnd with EE", (u64)s_msgsnd_spin, HOME | MSR_EE, self, 0, 0);
	run("msgsnd virtual", (u64)s_msgsnd_spin, VIRTUAL | MSR_EE, self, 0, 0);
	run("msgsnd no RI", (u64)s_msgsnd_spin, (HOME | MSR_EE) & ~MSR_RI, self, 0, 0);
	run("msgsnd, msgclr", (u64)s_msgsnd, HOME, self, 0, BRIEF);
	run("  clear", (u64)s_msgclr, HOME, self, 0, BRIEF);
	run("  nothing left", (u64)s_ee_on, HOME, ee, 0, BRIEF);
	run("msgsnd to nobody", (u64)s_msgsnd, HOME, DOORBELL | 0x3ff, 0, BRIEF);
	run("  nothing", (u64)s_ee_on, HOME, ee, 0, BRIEF);
	run("msgsnd of another type", (u64)s_msgsnd, HOME, 1ul << 27 | mfspr(SPR_PIR), 0, BRIEF);
	run("  nothing", (u64)s_ee_on, HOME, ee, 0, BRIEF);
	run("msgsnd, msgclr of another type", (u64)s_msgsnd, HOME, self, 0, BRIEF);
	run("  clear", (u64)s_msgclr, HOME, 1ul << 27, 0, BRIEF);
	run("  taken by user", user(s_spin), USER, 0, 0, 0);
	run("both", (u64)s_msgsnd, HOME, self, 0, BRIEF);
	mtspr(SPR_DEC, -1ul);
	run("  first", (u64)s_ee_on, HOME, ee, 0, 0);
	mtspr(SPR_DEC, BIG);
	run("  then", (u64)s_ee_on, HOME, ee, 0, 0);
}

#define EC_ESL 0x300000ul /* PSSCR bits 42 and 43 */

static void stopping(void)
{
	u64 self = DOORBELL | mfspr(SPR_PIR);

	mtspr(SPR_PSSCR, 0);
	run("stop", (u64)s_mtdec_stop, HOME, 3000, 0, R3);
	mtspr(SPR_DEC, BIG);
	run("stop with EE", (u64)s_mtdec_stop, HOME | MSR_EE, 0x200000, 0, 0);
	run("stop, already expired", (u64)s_stop, HOME, 0, 0, R3);
	mtspr(SPR_DEC, BIG);
	run("stop, doorbell first", (u64)s_msgsnd, HOME, self, 0, BRIEF);
	lpcr(LPCR_LD | LPCR_PECE1 | LPCR_PECEDH);
	run("  stop", (u64)s_stop, HOME, 0, 0, R3);
	run("  clear", (u64)s_msgclr, HOME, self, 0, BRIEF);
	mtspr(SPR_PSSCR, EC_ESL);
	run("stop EC=ESL=1, decrementer", (u64)s_mtdec_stop, HOME, 3000, 0, 0);
	mtspr(SPR_DEC, BIG);
	run("stop EC=ESL=1, doorbell", (u64)s_msgsnd, HOME, self, 0, BRIEF);
	run("  stop", (u64)s_stop, HOME, 0, 0, 0);
	run("  clear", (u64)s_msgclr, HOME, self, 0, BRIEF);
	mtspr(SPR_PSSCR, 0);
	lpcr(LPCR_LD | LPCR_PECE1);
}

void check_events(void)
{
	decrementer();
	doorbells();
	stopping();
	run("msgsndp, msgclrp", (u64)s_doorbell_p, HOME, 0, 0, BRIEF);
	run("slbia and others", (u64)s_slb, HOME, 0, 0, R3 | BRIEF);
	run("slbmfee", (u64)s_slbmfee, HOME, 1, 0, R3 | BRIEF);
	run("slbmfev", (u64)s_slbmfev, HOME, 1, 0, R3 | BRIEF);
	run("slbmte", (u64)s_slbmte, HOME, 0, 0, BRIEF);
}
