"""The local deduplicating store: packs, the index of chunks, ingest, restore, check and clean-up."""
