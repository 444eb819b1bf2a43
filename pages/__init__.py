"""The pages: each numbered file is one, a sheet; its parts lie in the folder of its name, common ones in `parts`."""
