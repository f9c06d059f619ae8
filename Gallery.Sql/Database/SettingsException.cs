namespace Gallery.Sql.Database;

/// <summary>A setting cannot be used. The message is one line. It names the setting and the cure, and never contains a secret.</summary>
public sealed class SettingsException(string message) : Exception(message);
