namespace Gallery.Sql.Database;

/// <summary>A setting that cannot be used. The message is one line that names the setting and the cure, and never holds a secret.</summary>
public sealed class SettingsException(string message) : Exception(message);
