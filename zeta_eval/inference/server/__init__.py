"""Language models that run behind a server which speaks the OpenAI protocol."""
