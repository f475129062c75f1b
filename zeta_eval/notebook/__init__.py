"""The notebook: `%load_ext zeta_eval` brings %zeta and %%zeta. Nothing heavy is imported before it is used."""
