"""Reports: the tables of result files on the terminal, or a folder with tables, figures and one page with all of it."""
