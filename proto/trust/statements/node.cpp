#include "proto/trust/statements/node.hpp"

#include <algorithm>
#include <set>

#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/fields.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::trust {
namespace {

std::optional<NodeKind> parse_kind(std::string_view text) {
  if (text == "agent") return NodeKind::kAgent;
  if (text == "device") return NodeKind::kDevice;
  return std::nullopt;
}

bool keys_differ(const Node& node) {
  const std::set<std::array<std::uint8_t, 32>> all = {node.identity.bytes, node.wireguard.bytes,
                                                      node.control.bytes, node.relay.bytes,
                                                      node.disco.bytes};
  return all.size() == 5;
}

bool holds(const std::vector<Label>& list, const Label& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

}  // namespace

Result<Node> Node::parse(std::string_view text) {
  FieldReader in(text, kType);
  Node out;
  out.kind = in.field("kind", parse_kind);
  const bool agent = out.kind == NodeKind::kAgent;
  if (agent) {
    out.site = in.site();
  } else {
    out.vendor_id = in.vendor_id();
  }
  out.name = in.label("name");
  out.serial = in.number("serial", 1, UINT64_MAX);
  out.identity = in.ed25519("identity");
  out.wireguard = in.x25519<crypto::WireGuardKey>("wireguard");
  out.control = in.x25519<crypto::ControlKey>("control");
  out.relay = in.x25519<crypto::RelayKey>("relay");
  out.disco = in.x25519<crypto::DiscoKey>("disco");
  in.require(keys_differ(out), "disco", "or another key stands twice");
  if (agent) {
    out.enrolled = in.hash("enrolled");
    out.tags = in.sorted("tag", 1, kMaxTags, Label::parse);
  } else {
    out.person = in.person("person");
    out.groups = in.sorted("group", 0, kMaxGroups, Label::parse);
  }
  out.issued = in.time("issued");
  out.expires = in.time("expires");
  in.require(out.issued < out.expires &&
                 out.expires - out.issued <= (agent ? kMaxAgentLife : kMaxDeviceLife),
             "expires", "is too late, or not after issued");
  return in.finish(std::move(out));
}

std::string Node::render() const {
  const bool agent = kind == NodeKind::kAgent;
  const auto label = [](const Label& l) { return l.str(); };
  FieldWriter out(kType);
  out.line("kind", agent ? "agent" : "device");
  if (agent) {
    out.site(site);
  } else {
    out.hash("vendor-id", vendor_id.view());
  }
  out.line("name", name.str()).number("serial", serial);
  out.line("identity", crypto::format_ed25519(identity));
  out.line("wireguard", crypto::format_x25519(wireguard.view()));
  out.line("control", crypto::format_x25519(control.view()));
  out.line("relay", crypto::format_x25519(relay.view()));
  out.line("disco", crypto::format_x25519(disco.view()));
  if (agent) {
    out.hash("enrolled", enrolled.view()).each("tag", tags, label);
  } else {
    out.line("person", person.str()).each("group", groups, label);
  }
  out.time("issued", issued).time("expires", expires);
  return out.take();
}

Result<Node> verify_self_signed(const note::Note& note) {
  auto node = Node::parse(note.text);
  if (!node) return node;
  const note::KnownKey own{node->name.str(), node->identity};
  const auto signers = note::verify(note, std::span<const note::KnownKey>(&own, 1));
  if (!signers) return fail_with(signers.error());
  if (signers->empty()) return fail(ErrorCode::kUnverified, "node: not signed by itself");
  return node;
}

std::chrono::seconds device_life(const Root* vendor) {
  return vendor == nullptr ? kDefaultDeviceLife : std::chrono::seconds(vendor->device_life);
}

bool Node::has_tag(const Label& tag) const { return holds(tags, tag); }
bool Node::in_group(const Label& group) const { return holds(groups, group); }

}  // namespace culvert::trust
