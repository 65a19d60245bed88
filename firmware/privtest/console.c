/* The OPAL console: the entry point comes from the device tree. */
#include "privtest.h"

enum { OPAL_CONSOLE_WRITE = 1, OPAL_CEC_POWER_DOWN = 5, OPAL_POLL_EVENTS = 10, OPAL_REINIT_CPUS = 70, OPAL_CONSOLE_FLUSH = 117 };

long opal_call(u64 token, u64 a, u64 b, u64 c);
u64 opal_base, opal_entry;

static char line[512];
static int used;
static u64 printed;

#define REAL(p) ((u64)(p) & 0x0ffffffffffffffful)

static u32 be32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Tokens of a flattened device tree (Devicetree Specification 5.4). */
enum { BEGIN_NODE = 1, END_NODE, PROP, NOP };

static void find_opal(const u8 *fdt)
{
	const u8 *p = fdt + be32(fdt + 8), *names = fdt + be32(fdt + 12);

	for (;;) {
		u32 token = be32(p);
		p += 4;
		if (token == BEGIN_NODE) {
			while (*p)
				p++;
			p = (const u8 *)(((u64)p + 4) & ~3ul);
		} else if (token == PROP) {
			u32 bytes = be32(p);
			const char *name = (const char *)names + be32(p + 4);
			u64 value = bytes == 8 ? (u64)be32(p + 8) << 32 | be32(p + 12) : 0;
			if (equal(name, "opal-base-address"))
				opal_base = value;
			if (equal(name, "opal-entry-address"))
				opal_entry = value;
			p += 8 + ((bytes + 3) & ~3u);
		} else if (token != END_NODE && token != NOP) {
			return;
		}
	}
}

void open_console(u64 fdt)
{
	find_opal((const u8 *)fdt);
}

void reinit_cpus(u64 flags)
{
	opal_call(OPAL_REINIT_CPUS, flags, 0, 0);
}

static void write_line(void)
{
	static u64 length;
	int done = 0;

	while (done < used) {
		length = __builtin_bswap64(used - done);
		long rc = opal_call(OPAL_CONSOLE_WRITE, 0, REAL(&length), REAL(line + done));
		if (rc == 0)
			done += __builtin_bswap64(length);
		else
			opal_call(OPAL_POLL_EVENTS, 0, 0, 0);
	}
	opal_call(OPAL_CONSOLE_FLUSH, 0, 0, 0);
	used = 0;
}

void put(const char *text)
{
	while (*text && used < (int)sizeof line - 2)
		line[used++] = *text++;
}

void put_hex(u64 value)
{
	int shift = 60;

	while (shift > 0 && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put((char[2]) { "0123456789abcdef"[value >> shift & 15], 0 });
}

void put_decimal(u64 value)
{
	if (value >= 10)
		put_decimal(value / 10);
	put((char[2]) { '0' + value % 10, 0 });
}

/* One line per check: name, then fields. */
void start(const char *name)
{
	put(name);
	put(":");
}

void field(const char *name, u64 value)
{
	put(" ");
	put(name);
	put("=");
	put_hex(value);
}

void end(void)
{
	put("\n");
	write_line();
	printed++;
}

u64 lines(void)
{
	return printed;
}

void power_off(void)
{
	for (int i = 0; i < 100; i++)
		opal_call(OPAL_POLL_EVENTS, 0, 0, 0);
	opal_call(OPAL_CEC_POWER_DOWN, 0, 0, 0);
	for (;;)
		opal_call(OPAL_POLL_EVENTS, 0, 0, 0);
}
