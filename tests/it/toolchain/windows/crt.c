/* Enough of a C runtime to link and start programs in Rust for windows-msvc, on what msvcrt.dll
   exports. Microsoft's own cannot be had without its license. */
#pragma comment(lib, "ucrt.lib")

__declspec(dllimport) void ExitProcess(unsigned);
int main(int, char **);
int _fltused = 1;

/* Thread-local variables. */
unsigned _tls_index;
#pragma section(".tls", read, write)
__declspec(allocate(".tls")) char tls_start = 0;
#pragma section(".tls$ZZZ", read, write)
__declspec(allocate(".tls$ZZZ")) char tls_end = 0;
#pragma section(".CRT$XLA", read)
__declspec(allocate(".CRT$XLA")) void *callbacks = 0;
#pragma section(".CRT$XLZ", read)
__declspec(allocate(".CRT$XLZ")) void *callbacks_end = 0;
struct tls {
    void *start, *end, *index, *callbacks;
    unsigned zero, characteristics;
};
#pragma section(".rdata$T", read)
__declspec(allocate(".rdata$T")) const struct tls _tls_used = {
    &tls_start, &tls_end, &_tls_index, &callbacks + 1, 0, 0};

void mainCRTStartup(void) { ExitProcess(main(0, 0)); }

/* Nothing is caught: a panic ends the program. */
int __CxxFrameHandler3(void) { return 1; }
void *type_info_table __asm__("??_7type_info@@6B@") = 0;

/* Touches the pages of a large frame. */
__asm__(".globl __chkstk\n__chkstk:\n"
        "pushq %rcx\npushq %rax\ncmpq $0x1000,%rax\nleaq 24(%rsp),%rcx\njb 1f\n"
        "2: subq $0x1000,%rcx\ntestq %rcx,(%rcx)\nsubq $0x1000,%rax\ncmpq $0x1000,%rax\nja 2b\n"
        "1: subq %rax,%rcx\ntestq %rcx,(%rcx)\npopq %rax\npopq %rcx\nret\n");
