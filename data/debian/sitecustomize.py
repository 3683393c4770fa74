# Empty: a link of the standard library points here.
