#include "agent/store/memory.hpp"

#include <charconv>

namespace culvert::agent {
namespace {

// Each note is stored as u32 big-endian length ‖ note. A bundle would bound the number of notes.
Result<std::vector<note::Note>> read_notes(OwnStore& store, std::string_view name) {
  auto stored = store.get(name);
  if (!stored) return fail_with(stored.error());
  std::vector<note::Note> notes;
  if (!*stored) return notes;
  Reader reader(**stored);
  while (reader.ok() && !reader.done()) {
    auto note = note::parse(text(reader.take(reader.be<std::uint32_t>())));
    if (!note) return fail(ErrorCode::kInvalid, "the stored notes are damaged: restore the store");
    notes.push_back(std::move(*note));
  }
  return notes;
}

Bytes pack(const std::vector<note::Note>& notes) {
  Bytes packed;
  Writer writer(packed);
  for (const note::Note& note : notes) {
    const std::string rendered = note::render(note);
    writer.be(static_cast<std::uint32_t>(rendered.size())).bytes(view(rendered));
  }
  return packed;
}

}  // namespace

std::string Origin::render() const {
  std::string out = "culvert/pins/v1\nkind: ";
  out += kind == trust::NodeKind::kAgent ? "agent\n" : "device\n";
  out += "pin: " + trust::format_hash(pin.view()) + "\n";
  for (const std::string& url : coordinators) out += "coordinator: " + url + "\n";
  return out;
}

Result<Origin> Origin::parse(std::string_view from) {
  Origin origin;
  std::string_view rest = from;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line == "kind: agent") origin.kind = trust::NodeKind::kAgent;
    if (line.starts_with("pin: ")) {
      const auto pin = trust::parse_hash(line.substr(5));
      if (pin) origin.pin = *pin;
    }
    if (line.starts_with("coordinator: ")) origin.coordinators.emplace_back(line.substr(13));
  }
  if (origin.pin.is_zero() || origin.render() != from) {
    return fail(ErrorCode::kInvalid, "the stored pins are damaged: restore the site store");
  }
  return origin;
}

trust::Pins Origin::pins() const {
  trust::Pins pins;
  (kind == trust::NodeKind::kAgent ? pins.site_root : pins.vendor_genesis) = pin;
  return pins;
}

Result<std::optional<Origin>> Memory::origin() {
  auto stored = site_.get("pins");
  if (!stored) return fail_with(stored.error());
  if (!*stored) return std::optional<Origin>();
  auto origin = Origin::parse(text(**stored));
  if (!origin) return fail_with(origin.error());
  return std::optional<Origin>(std::move(*origin));
}

Status Memory::save(const Origin& origin) { return site_.put("pins", view(origin.render())); }

Result<trust::Floors> Memory::floors() {
  auto stored = site_.get("floors");
  if (!stored) return fail_with(stored.error());
  if (!*stored) {
    // A start writes the pins after the floors, so a store with pins once had floors.
    const auto pins = site_.get("pins");
    if (!pins) return fail_with(pins.error());
    if (*pins) {
      return fail(ErrorCode::kDenied,
                  "the site store has lost its floors: restore it from its backup");
    }
    return trust::Floors();
  }
  return trust::Floors::parse(text(**stored));
}

Status Memory::save(const trust::Floors& floors) {
  return site_.put("floors", view(floors.render()));
}

Result<std::vector<note::Note>> Memory::notes() { return read_notes(site_, "notes"); }

Status Memory::save(const std::vector<note::Note>& notes) {
  return site_.put("notes", pack(notes));
}

Result<std::vector<note::Note>> Memory::revocations() { return read_notes(site_, "revocations"); }

Status Memory::save_revocations(const std::vector<note::Note>& notes) {
  return site_.put("revocations", pack(notes));
}

Result<std::vector<note::Note>> Memory::own(std::string_view name) {
  return read_notes(node_, name);
}

Status Memory::save_own(std::string_view name, const std::vector<note::Note>& notes) {
  return node_.put(name, pack(notes));
}

std::uint64_t Memory::uploaded() {
  const auto stored = node_.get("uploaded");
  if (!stored || !*stored) return 0;
  const std::string_view digits = text(**stored);
  std::uint64_t count = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  return count;
}

Status Memory::save_uploaded(std::uint64_t count) {
  return node_.put("uploaded", view(std::to_string(count)));
}

}  // namespace culvert::agent
