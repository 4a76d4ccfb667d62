"""Pure codecs, bytes <-> values: pointer, recipe, pack, segment, journal. The promise: docs/formats/."""
