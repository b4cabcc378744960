#include "agent/http/h1_head.hpp"

namespace culvert::http {
namespace {

constexpr std::size_t kUsualHead = 1024;  // bytes; longer heads grow the string

void add(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void add_all(std::string& out, const HttpHeaders& headers) {
  for (const auto& [name, value] : headers.list()) add(out, name, value);
}

void add_framing(std::string& out, const Framing& framing) {
  if (framing.kind == Framing::Kind::kLength) {
    add(out, "Content-Length", std::to_string(framing.length));
  } else if (framing.kind == Framing::Kind::kChunked) {
    add(out, "Transfer-Encoding", "chunked");
  }
}

std::string status_line_and_headers(const Response& response) {
  std::string out;
  out.reserve(kUsualHead);
  out.append("HTTP/1.1 ");
  out.append(std::to_string(response.status)).append(" ").append(response.reason).append("\r\n");
  add_all(out, response.headers);
  return out;
}

}  // namespace

std::string write_request(const Request& request) {
  std::string out;
  out.reserve(kUsualHead);
  out.append(request.method).append(" ").append(request.path).append(request.query);
  out.append(" HTTP/1.1\r\n");
  add(out, "Host", request.host);
  add_all(out, request.headers);
  add_framing(out, request.body);
  if (request.expect_continue) add(out, "Expect", "100-continue");
  if (!request.upgrade.empty()) {
    add(out, "Connection", "Upgrade");
    add(out, "Upgrade", request.upgrade);
  } else if (request.accepts_trailers) {  // TE must be listed in Connection (RFC 9110 §10.1.4)
    add(out, "Connection", "TE");
    add(out, "TE", "trailers");
  }
  out += "\r\n";
  return out;
}

std::string write_response(const Response& response, bool close, bool chunked) {
  std::string out = status_line_and_headers(response);
  add_framing(out, chunked ? Framing{Framing::Kind::kChunked, 0} : response.body);
  if (close) add(out, "Connection", "close");
  out += "\r\n";
  return out;
}

std::string write_interim(const Response& response) {
  return status_line_and_headers(response) + "\r\n";
}

std::string write_switch(const Response& response, const std::string& upgrade) {
  std::string out = status_line_and_headers(response);
  add(out, "Connection", "Upgrade");
  add(out, "Upgrade", upgrade);
  out += "\r\n";
  return out;
}

std::string write_refusal(const Refusal& refusal, bool with_body) {
  const std::string body = "culvert: " + refusal.why + "\n";
  ResponseHead head{refusal.status, reason_of(refusal.status), {}};
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Content-Length", std::to_string(body.size()));
  head.headers.add("Connection", "close");
  return render(head) + (with_body ? body : "");
}

}  // namespace culvert::http
