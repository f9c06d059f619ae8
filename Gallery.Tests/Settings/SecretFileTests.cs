using Gallery.Service.Access;
using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;

namespace Gallery.Tests.Settings;

/// <summary>Secrets in files. That the service and the migrator read them: ServiceProcessTests and ConnectionTests.</summary>
public sealed class SecretFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gallery-secrets-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Secrets() => [.. SettingNames.Known.Where(name => name.EndsWith("_FILE", StringComparison.Ordinal)).Select(name => name[..^"_FILE".Length])];

    [Fact]
    public void Each_secret_may_be_in_a_file() =>
        Assert.Equal(
            ["DATABASE_URL", "GALLERY_API_KEYS", "GALLERY_KEY", "GALLERY_READ_DATABASE_URL", "GALLERY_REHEARSAL", "SUPABASE_DB_PASSWORD", "SUPABASE_JWT_SECRET"],
            Secrets().Select(row => row.Data).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("value\n", "value")]
    [InlineData("value\r\n", "value")]
    [InlineData("\uFEFFvalue", "value")]
    [InlineData(" value \n", " value ")]
    [InlineData("first\nsecond\n\n", "first\nsecond")]
    public void The_value_is_the_files_text_without_its_last_line_end(string text, string value) =>
        Assert.Equal(value, Given.Settings($"SUPABASE_DB_PASSWORD_FILE={Write(text)}").Find("SUPABASE_DB_PASSWORD"));

    [Theory]
    [MemberData(nameof(Secrets))]
    public void A_secret_and_its_file_together_are_an_error(string name)
    {
        var error = Error(name, $"{name}=hunter2", $"{name}_FILE={Write("hunter2")}");

        Assert.Equal($"{name} and {name}_FILE are both set. Remove one of the two.", error);
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public void A_file_that_cannot_be_used_is_an_error_that_names_the_setting(string name)
    {
        Assert.StartsWith($"{name}_FILE names no file", Error(name, $"{name}_FILE={_folder}/hunter2"), StringComparison.Ordinal);
        Assert.StartsWith($"{name}_FILE names no file", Error(name, $"{name}_FILE={_folder}"), StringComparison.Ordinal);
        Assert.StartsWith($"{name}_FILE names no file", Error(name, $"{name}_FILE=postgresql://u:hunter2@h/d"), StringComparison.Ordinal);
        Assert.StartsWith($"{name}_FILE names an empty file", Error(name, $"{name}_FILE={Write("\n")}"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_name_of_a_file_is_no_setting()
    {
        Assert.Equal("x", Given.Settings("DATABASE_URL=x", "DATABASE_URL_FILE=").Find("DATABASE_URL"));
        Assert.Equal("x", Given.Settings("DATABASE_URL=", $"DATABASE_URL_FILE={Write("x")}").Find("DATABASE_URL"));
    }

    [Fact]
    public void The_database_the_password_and_the_tokens_secret_may_come_from_files()
    {
        var url = Given.Connection($"DATABASE_URL_FILE={Write("postgresql://u:p@h:5433/d\n")}")!;
        Assert.Equal(("h", 5433, "p"), (url.Host, url.Port, url.Password));
        Assert.Equal("p\u00e9 ", Given.Connection("SUPABASE_DB_HOST=h", $"SUPABASE_DB_PASSWORD_FILE={Write("p\u00e9 \n")}")!.Password);
        Assert.Equal(32, TokenIssuer.Find(Given.Settings("SUPABASE_URL=https://x.supabase.co", $"SUPABASE_JWT_SECRET_FILE={Write(new string('s', 32) + "\n")}"))!.Secret!.Length);
    }

    private static string Error(string name, params string[] settings)
    {
        var message = Assert.Throws<SettingsException>(() => Given.Settings(settings).Find(name)).Message;
        Assert.DoesNotContain("hunter2", message, StringComparison.Ordinal);
        return message;
    }

    private string Write(string text)
    {
        var path = Path.Combine(_folder, Guid.NewGuid().ToString("N"));
        File.WriteAllText(path, text);
        return path;
    }
}
