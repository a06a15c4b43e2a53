"""Lists in the packages of office programs: XML and pictures in a ZIP."""
