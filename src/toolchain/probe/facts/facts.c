/* What a compiler is and whose headers it reads, told by the object it writes. */
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

const unsigned int xpkg_facts[] = {
    0x78706b67u, 0x66616374u, XPKG_CLANG, XPKG_GNUC, XPKG_GLIBC, sizeof(void *), sizeof(time_t), XPKG_X86,
};

long xpkg_number(const char *text) { return strtol(text, 0, 10); }
int xpkg_atomic(int *counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }
int xpkg_sum(int a, int b) { return a + b; }
