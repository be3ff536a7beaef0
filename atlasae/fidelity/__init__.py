"""What compression did to jets: errors, migrations, order, observables; measured block by block."""
