"""python -m archcost"""

from archcost.cli.main import main

main(prog_name="archcost")
