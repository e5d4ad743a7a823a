// The inside of a compile process.
#pragma once

namespace switchyard {

enum class CompilerKind { Glsl, Warm, Cuda };  // Warm: Glsl that compiles something small before it listens

constexpr int kCompilerSocket = 3;  // the descriptor that a compile process is started with

// Compiles what comes through the socket, one after the other, until the other side is gone; returns an exit status.
// The process has limits on its memory from then on, and ends at once when they are met.
int serveCompiler(int socket, CompilerKind kind);

}  // namespace switchyard
