/* Does this compiler compare past the first NUL? (GCC bug 95189)
 *
 *     cc -O2 -fno-lto -c bug.c && nm bug.o
 *
 * `U xpkg_95189_reached` is missing: it does not. `U xpkg_95189_control` is missing: the answer says nothing.
 *
 * In `subject` the first byte is known to be equal and the others are not known at all, so no correct compiler can
 * decide the comparison, and the call of `reached` stays. A compiler with the bug compares one byte only, finds it
 * equal, and drops the call. `twin` is the same without a leading NUL: its call stays in every compiler. */
typedef __SIZE_TYPE__ xpkg_size;
extern int memcmp(const void *, const void *, xpkg_size);
extern void xpkg_95189_reached(void);
extern void xpkg_95189_control(void);

void xpkg_95189_subject(unsigned char *bytes);
void xpkg_95189_twin(unsigned char *bytes);

void xpkg_95189_subject(unsigned char *bytes)
{
    bytes[0] = 0;
    if (memcmp(bytes, "\0\0\0\0\0\0\0", 7) > 0)
        xpkg_95189_reached();
}

void xpkg_95189_twin(unsigned char *bytes)
{
    bytes[0] = 'x';
    if (memcmp(bytes, "xpkgxpk", 7) > 0)
        xpkg_95189_control();
}
