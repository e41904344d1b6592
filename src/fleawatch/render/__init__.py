"""FILES: the catalog as texts by path. Pure: nothing here opens, writes or sends anything."""
