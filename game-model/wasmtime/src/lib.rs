//! WebAssembly steps under wasmtime.
