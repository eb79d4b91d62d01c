from tests.knowledge import knowledge, knowledge_settings, migrated_store

__all__ = ["knowledge", "knowledge_settings", "migrated_store"]
