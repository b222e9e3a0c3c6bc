"""llama.cpp in process: `engine` generates, `chat` reads and writes, `backend` joins them."""
