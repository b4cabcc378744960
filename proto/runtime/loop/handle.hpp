// Each libuv handle has one owner: a unique_ptr whose deleter closes the handle. libuv's close
// callback frees the memory. `data` points at the owner and is null once the handle is closing.
#pragma once

#include <uv.h>

#include <memory>
#include <string>
#include <string_view>

#include "proto/core/result.hpp"

namespace culvert::runtime {

template <class Handle>
struct CloseHandle {
  void operator()(Handle* handle) const {
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* raw) { delete reinterpret_cast<Handle*>(raw); });
  }
};
template <class Handle>
using HandlePtr = std::unique_ptr<Handle, CloseHandle<Handle>>;

// make_handle(uv_tcp_init, loop, owner) → HandlePtr<uv_tcp_t>. Only for init functions that fail by
// misuse alone.
template <class Handle>
HandlePtr<Handle> make_handle(int (*init)(uv_loop_t*, Handle*), uv_loop_t* loop, void* owner) {
  auto* handle = new Handle{};
  init(loop, handle);
  handle->data = owner;
  return HandlePtr<Handle>(handle);
}

template <class Handle>
uv_stream_t* as_stream(const HandlePtr<Handle>& handle) {
  return reinterpret_cast<uv_stream_t*>(handle.get());
}

// An error such as "connect to 10.0.0.1:80: connection refused"; `code` is libuv's.
inline Error uv_error(std::string doing, int code) {
  ErrorCode kind = ErrorCode::kUnavailable;
  if (code == UV_ETIMEDOUT) kind = ErrorCode::kTimeout;
  if (code == UV_EADDRINUSE) kind = ErrorCode::kConflict;
  if (code == UV_EACCES || code == UV_EPERM) kind = ErrorCode::kDenied;
  if (code == UV_EMFILE || code == UV_ENFILE) kind = ErrorCode::kExhausted;
  return {kind, std::move(doing) + ": " + uv_strerror(code)};
}

}  // namespace culvert::runtime
