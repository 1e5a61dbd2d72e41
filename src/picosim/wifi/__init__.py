"""The simulated radio: access points, who reaches whom, and all that goes wrong there."""
