//! Before `main`: an instruction that this CPU lacks ends the program with a sentence.
//!
//! Link-time optimisation compiles the standard library's own start-up for the CPU of the build,
//! so a check in `main` can come too late. Both functions here are calls with constant
//! arguments: nothing that a compiler turns into vector instructions.

/// What to say. The program's own check names the features where it gets that far.
const SENTENCE: &str = "tunneltax: this binary was built for a CPU with instructions that this \
    one lacks; build it here with `cargo build --release`, or take the portable build of \
    ci/portable.sh\n";

/// Run by the loader, before the standard library starts.
#[used]
// SAFETY: the loader calls each entry of this section once, with arguments that a function
// without parameters ignores.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = catch;

/// True where the trap is part of the program; a program that calls this links it.
pub fn is_set() -> bool {
    BEFORE_MAIN as *const () as usize != 0
}

extern "C" fn catch() {
    let handler: extern "C" fn(libc::c_int) = refuse;
    // SAFETY: the handler calls only functions that are safe in one (POSIX.1, 2.4.3), and at this
    // time there is one thread and no other handler.
    unsafe { libc::signal(libc::SIGILL, handler as *const () as libc::sighandler_t) };
}

extern "C" fn refuse(_signal: libc::c_int) {
    // SAFETY: the pointer and the length are those of a constant; `_exit` does not return.
    unsafe {
        libc::write(
            libc::STDERR_FILENO,
            SENTENCE.as_ptr().cast(),
            SENTENCE.len(),
        );
        libc::_exit(1);
    }
}
