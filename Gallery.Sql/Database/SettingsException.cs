namespace Gallery.Sql.Database;

/// <summary>
/// A setting cannot be used. The message is one line. It names the setting and the cure. It repeats no value, because any value may be a secret that was set
/// under the wrong name.
/// </summary>
public sealed class SettingsException(string message) : Exception(message);
