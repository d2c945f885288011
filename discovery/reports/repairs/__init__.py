"""The script that repairs what an audit found."""
