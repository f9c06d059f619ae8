using System.Text.RegularExpressions;
using Gallery.Sql.Database;
using Gallery.Tests.Readme;

namespace Gallery.Tests.Settings;

/// <summary>Which names are settings. That the service and the migrator ask: ServiceProcessTests and ConnectionTests.</summary>
public sealed partial class SettingNamesTests
{
    [Fact]
    public void The_known_names_are_those_that_the_example_file_lists()
    {
        var listed = Listed().Matches(Repository.Read(".env.example")).Select(line => line.Groups[1].Value).ToList();

        Assert.Contains("GALLERY_DATABASE", listed);
        Assert.Equal(listed, SettingNames.Known);
        Assert.Equal(listed.Count, listed.Distinct().Count());
        SettingNames.RefuseUnknown(listed.Select(name => KeyValuePair.Create(name, "x")), "a test");
    }

    [Theory]
    [InlineData("DATABASE_URI", "DATABASE_URL")]
    [InlineData("DATABASE_PORT", "DATABASE_URL")]
    [InlineData("SUPABASE_DATABASE_HOST", "SUPABASE_DB_HOST")]
    [InlineData("SUPABASE_DB_PASSWROD", "SUPABASE_DB_PASSWORD")]
    [InlineData("SUPABASE_ULR", "SUPABASE_URL")]
    [InlineData("SUPABASE_JWT_SECERT", "SUPABASE_JWT_SECRET")]
    [InlineData("GALLERY_RATE_LIMITT", "GALLERY_RATE_LIMIT")]
    [InlineData("GALLERY_API_KEY", "GALLERY_API_KEYS")]
    [InlineData("gallery_api_key", "GALLERY_API_KEYS")]
    [InlineData("GALLERY__API_KEYS", "GALLERY_API_KEYS")]
    [InlineData("GALERY_API_KEYS", "GALLERY_API_KEYS")]
    [InlineData("GALLRY_USERS_MAY_PURG", "GALLERY_USERS_MAY_PURGE")]
    [InlineData("GLALERY_RATE_LIMIT_ABC", "GALLERY_RATE_LIMIT")]
    [InlineData("DATABSE_URL", "DATABASE_URL")]
    [InlineData("DATABASEURL", "DATABASE_URL")]
    [InlineData("SUPBASE_URL", "SUPABASE_URL")]
    [InlineData("SUPABSE_DB_HOSTNAME", "SUPABASE_DB_HOST")]
    [InlineData("SUPABASE_DB_HOST_FILE", "SUPABASE_DB_HOST")]
    [InlineData("GALLERY_API_KEY_FILE", "GALLERY_API_KEYS_FILE")]
    public void An_unknown_name_is_an_error_that_names_the_nearest_setting_and_no_value(string name, string nearest) =>
        Assert.Equal(
            $"Unknown setting {name} in /x/.env. Did you mean {nearest}? .env.example lists all settings.",
            Assert.Throws<SettingsException>(() => SettingNames.RefuseUnknown([KeyValuePair.Create(name, "hunter2")], "/x/.env")).Message);

    [Theory]
    [InlineData("SUPABASE_ANON_KEY", "x")]
    [InlineData("SUPABASE_KEY", "x")]
    [InlineData("SUPABASE_SERVICE_ROLE_KEY", "x")]
    [InlineData("gallery_pooler", "session")]
    [InlineData("MY_DATABASE_URL", "x")]
    [InlineData("PGHOST", "x")]
    [InlineData("HOST", "x")]
    [InlineData("SUPABASE_S3_KEY", "x")]
    [InlineData("SUPABASE_ID_TOKEN", "x")]
    [InlineData("GITLAB_TOKEN", "x")]
    [InlineData("GALLERY2_SERVICE_HOST", "10.0.0.1")]
    [InlineData("_", "x")]
    [InlineData("GALLERY_SERVICE_HOST", "10.0.0.1")]
    [InlineData("GALLERY_SERVICE_PORT_HTTP", "9999")]
    [InlineData("GALLERY_PORT", "tcp://10.0.0.1:9999")]
    [InlineData("DATABASE_PORT_5432_TCP_ADDR", "10.0.0.1")]
    public void Other_programs_names_are_not_an_error_nor_are_those_that_kubernetes_sets(string name, string value) =>
        SettingNames.RefuseUnknown([KeyValuePair.Create(name, value)], "the environment");

    [GeneratedRegex("^#?([A-Z_]+)=", RegexOptions.Multiline)]
    private static partial Regex Listed();
}
