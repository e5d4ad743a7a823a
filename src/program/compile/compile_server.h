// The inside of a compile process.
#pragma once

namespace switchyard {

enum class CompilerKind { Glsl, Warm, Cuda };  // Warm: Glsl that compiles something small before it listens

constexpr int kCompilerSocket = 3;  // the descriptor that a compile process is started with
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;  // its shadows take terabytes of addresses: no limit on those can hold
#else
constexpr bool kIsSanitized = false;
#endif

// Compiles what comes through the socket, one after the other, until the other side is gone; returns an exit status.
// The process has limits on its memory from then on, and ends at once when they are met. Each source is answered twice:
// by an empty message when its compilation begins, and by its reply (compile_wire.h).
int serveCompiler(int socket, CompilerKind kind);

}  // namespace switchyard
