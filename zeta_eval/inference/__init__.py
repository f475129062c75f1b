"""Running language models: engines that answer prompts, benchmark runs, and models behind a server."""
