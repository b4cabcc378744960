#include "proto/trust/statements/token.hpp"

#include <set>

#include "proto/trust/statements/fields.hpp"
#include "proto/trust/statements/places.hpp"

namespace culvert::trust {
namespace {

std::optional<std::string> parse_url(std::string_view text) {
  if (!valid_url(text)) return std::nullopt;
  return std::string(text);
}

std::optional<NodeKind> parse_kind(std::string_view text) {
  if (text == "agent") return NodeKind::kAgent;
  if (text == "device") return NodeKind::kDevice;
  return std::nullopt;
}

// The fields before the bundle; parse and render share this type.
struct Head {
  NodeKind kind = NodeKind::kDevice;
  std::vector<std::string> coordinators;
  Hash pin;
  Bytes secret;
  Person person;
  std::vector<Label> groups;

  std::string render() const;
};

std::string Head::render() const {
  const bool agent = kind == NodeKind::kAgent;
  FieldWriter out(Token::kType);
  out.line("kind", agent ? "agent" : "device");
  out.each("coordinator", coordinators, [](const std::string& url) { return url; });
  out.hash("pin", pin.view());
  if (agent) {
    out.line("secret", to_hex(secret));
  } else {
    out.line("person", person.str());
    out.each("group", groups, [](const Label& group) { return group.str(); });
  }
  return out.take();
}

std::optional<Bytes> parse_secret(std::string_view text) {
  auto raw = from_hex(text);
  if (!raw || raw->size() != crypto::Secret32::kSize) return std::nullopt;
  return raw;
}

Result<Head> parse_head(std::string_view text) {
  FieldReader in(text, Token::kType);
  Head out;
  out.kind = in.field("kind", parse_kind);
  std::set<std::string> urls;
  do {
    out.coordinators.push_back(in.field("coordinator", parse_url));
    in.require(urls.insert(out.coordinators.back()).second, "coordinator", "stands twice");
    in.require(urls.size() <= kMaxCoordinators, "coordinator", "stands too often");
  } while (in.next_is("coordinator"));
  out.pin = in.hash("pin");
  if (out.kind == NodeKind::kAgent) {
    out.secret = in.field("secret", parse_secret);
  } else {
    out.person = in.person("person");
    out.groups = in.sorted("group", 0, kMaxGroups, Label::parse);
  }
  return in.finish(std::move(out));
}

}  // namespace

Result<Token> Token::parse(std::string_view file) {
  const auto split = file.find("\n\n");
  if (split == std::string_view::npos) {
    return fail(ErrorCode::kInvalid, "culvert/token/v1: the notes after the token are missing");
  }
  auto head = parse_head(file.substr(0, split + 1));
  if (!head) return fail_with(head.error());
  Token out;
  out.kind = head->kind;
  out.coordinators = std::move(head->coordinators);
  out.pin = head->pin;
  if (out.kind == NodeKind::kAgent) out.secret = crypto::Secret32(head->secret);
  crypto::wipe(head->secret);
  out.person = head->person;
  out.groups = std::move(head->groups);
  auto notes = note::parse_bundle(file.substr(split + 2));
  if (!notes) return fail_with(notes.error());
  if (notes->empty()) return fail(ErrorCode::kInvalid, "culvert/token/v1: the notes are missing");
  out.notes = std::move(*notes);
  return out;
}

std::string Token::render() const {
  Head head{kind, coordinators, pin, {}, person, groups};
  if (kind == NodeKind::kAgent) head.secret = to_bytes(secret.reveal());
  auto out = head.render() + "\n" + note::render_bundle(notes);
  crypto::wipe(head.secret);
  return out;
}

}  // namespace culvert::trust
