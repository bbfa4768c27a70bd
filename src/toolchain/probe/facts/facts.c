/* What a compiler is and whose headers it reads, told by the object it writes. By hand:
 *
 *     cc -O2 -c facts.c && nm facts.o
 *
 * `__isoc23_strtol` instead of `strtol`: the object needs glibc 2.38. `__aarch64_ldadd4_relax`: it needs helpers for
 * atomics. `__ubsan_…`: it needs a runtime. No `xpkg_number` at all: it is an LTO object. */
/* Most C asks for the extensions of the GNU system, and only then glibc's headers before C23 rename functions. */
#define _GNU_SOURCE 1
#include <stdlib.h>
#include <time.h>

#ifdef __clang__
#define XPKG_CLANG __clang_major__
#else
#define XPKG_CLANG 0
#endif
#ifdef __GLIBC__
#define XPKG_GLIBC (__GLIBC__ * 1000 + __GLIBC_MINOR__)
#else
#define XPKG_GLIBC 0
#endif
#ifdef __GNUC__
#define XPKG_GNUC __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__
#else
#define XPKG_GNUC 0, 0, 0
#endif
/* The level of x86 that the flags allow the compiler to use. */
#if !defined(__i386__) && !defined(__x86_64__)
#define XPKG_X86 0
#elif defined(__AVX512F__)
#define XPKG_X86 6
#elif defined(__AVX__) || defined(__BMI__)
#define XPKG_X86 5
#elif defined(__SSE3__)
#define XPKG_X86 4
#elif defined(__SSE2__)
#define XPKG_X86 3
#elif defined(__i686__) || defined(__pentiumpro__)
#define XPKG_X86 2
#else
#define XPKG_X86 1
#endif

/* The standard that it compiles for by default. */
#ifdef __STDC_VERSION__
#define XPKG_STANDARD __STDC_VERSION__
#else
#define XPKG_STANDARD 0
#endif

const unsigned int xpkg_facts[] = {
    0x78706b67u, 0x66616374u, XPKG_CLANG, XPKG_GNUC, XPKG_GLIBC, sizeof(void *), sizeof(time_t), XPKG_X86,
    XPKG_STANDARD,
};

long xpkg_number(const char *text) { return strtol(text, 0, 10); }
int xpkg_atomic(int *counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }
int xpkg_sum(int a, int b) { return a + b; }
