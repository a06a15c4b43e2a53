"""The tools of the Model Context Protocol (MCP), for agents: over HTTP at ``/mcp`` and over stdio by ``vidgen mcp``."""
