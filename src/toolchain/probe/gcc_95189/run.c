/* The same question by running: exit code 0 when later bytes count, 10 when they do not.
 *
 *     cc -O2 run.c -o run && ./run; echo $?
 */
typedef __SIZE_TYPE__ xpkg_size;
extern int memcmp(const void *, const void *, xpkg_size);

unsigned char xpkg_bytes[7] = { 0, 9, 9, 9, 9, 9, 9 };

__attribute__((noinline)) static int later_bytes_count(const unsigned char *bytes)
{
    return memcmp(bytes, "\0\0\0\0\0\0\0", 7) > 0;
}

int main(void)
{
    return later_bytes_count(xpkg_bytes) ? 0 : 10;
}
